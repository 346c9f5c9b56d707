// Any body: it is read or refused, and what is read keeps to its limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "control/api/network_policy.h"
#include "control/api/requests.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wrenn::control;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const auto create = parse_create(body)) {
    if (create->vcpus.value_or(1) < 1 || create->vcpus.value_or(1) > 32) std::abort();
    if (create->lifecycle.timeout_sec.value_or(0) < 0) std::abort();
  }
  if (const auto mode = parse_pause(body)) {
    if (*mode != "memory" && *mode != "disk") std::abort();
  }
  if (const auto fork = parse_fork(body)) {
    if (fork->count < 1 || fork->count > 100) std::abort();
    if (fork->lifecycle.max_lifetime_sec.value_or(0) < 0) std::abort();
  }
  (void)parse_snapshot(body);
  if (const auto exec = parse_exec(body)) {
    if (exec->cmd.empty() || exec->timeout_sec < 1) std::abort();
  }
  if (const auto path = parse_path(body)) {
    if (!check_path(path->path)) std::abort();
  }
  if (const auto move = parse_move(body)) {
    if (!check_path(move->from) || !check_path(move->to)) std::abort();
  }
  if (const auto network = parse_network(body)) {
    if (network->allow_out.size() > 256 || network->deny_out.size() > 256) std::abort();
    // What is taken is as the database and the host have it.
    if (wrenn::db::network_from_text(wrenn::db::network_to_text(*network)) != *network)
      std::abort();
  }
  (void)parse_selector(body);
  (void)query_parameter(body, "path");
  return 0;
}
