#include "agent/port_watch.h"

#include <algorithm>

#include "agent/guest_client.h"
#include "net/scope.h"
#include "proto/ports.pb.h"

namespace wrenn::agent {

using net::Task;

EnvdPortWatch::EnvdPortWatch(base::Fd netns, const base::Secret& token)
    : netns_(std::move(netns)),
      http_(envd_endpoint(), {.netns_fd = netns_.get()}),
      client_(http_, {.headers = envd_headers(token)}) {}

Task<void> EnvdPortWatch::wait_until_open(std::uint16_t port, base::Duration limit) {
  const auto deadline = base::steady_now() + limit;
  const auto open = co_await net::with_timeout(limit, watch(port));
  // An envd that cannot say is not to make the pause shorter.
  if (!open) (void)co_await net::sleep_for(deadline - base::steady_now());
}

Task<base::Result<void>> EnvdPortWatch::watch(std::uint16_t port) {
  WRENN_CO_TRY_ASSIGN(auto changes, co_await client_.stream<ports::WatchResponse>(
                                        "/ports.Ports/Watch", ports::WatchRequest()));
  while (true) {
    WRENN_CO_TRY_ASSIGN(const auto now, co_await changes.next());
    if (!now) co_return base::fail(base::Code::kUnavailable, "envd ended the watch");
    const bool is_open = std::ranges::any_of(
        now->ports(), [&](const auto& one) { return one.port() == port && one.reachable(); });
    if (is_open) co_return {};
  }
}

}  // namespace wrenn::agent
