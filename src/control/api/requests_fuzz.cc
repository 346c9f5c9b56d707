// Any body: it is read or refused, and what is read keeps to its limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "control/api/requests.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wrenn::control;
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  if (const auto create = parse_create(body)) {
    if (create->vcpus < 1 || create->vcpus > 32 || create->timeout_sec < 0) std::abort();
  }
  if (const auto exec = parse_exec(body)) {
    if (exec->cmd.empty() || exec->timeout_sec < 1) std::abort();
  }
  if (const auto path = parse_path(body)) {
    if (!check_path(path->path)) std::abort();
  }
  (void)parse_selector(body);
  (void)query_parameter(body, "path");
  return 0;
}
