#include "control/hosts/registered_hosts.h"

#include <algorithm>
#include <set>

#include "base/log.h"
#include "net/loop.h"

namespace wrenn::control {
namespace {

using base::Result;
using net::Task;

constexpr auto kPeriod = std::chrono::seconds(1);
// A quarter of the time for which it is good.
constexpr auto kIdentityPeriod = std::chrono::hours(12);

}  // namespace

Task<void> RegisteredHosts::run() {
  const net::Context context = co_await net::current_context();
  net::TaskScope scope(*context.loop, context.stop);
  do {
    const auto done = co_await run_once(scope);
    if (!done && done.error().code != base::Code::kCanceled) {
      base::log_error("registered hosts cannot be looked at", {{"error", done.error()}});
    }
    has_looked_.set();
  } while (co_await net::sleep_for(kPeriod));
  scope.request_stop();
  co_await scope.join();
}

Task<Result<void>> RegisteredHosts::run_once(net::TaskScope& scope) {
  WRENN_CO_TRY(renew_identity());
  WRENN_CO_TRY_ASSIGN(
      auto hosts, co_await services_.database_pool.run([&] { return services_.registry.list(); }));
  std::erase_if(hosts, [](const db::RegisteredHost& host) {
    return !host.host.is_registered || host.is_pending();
  });
  std::set<std::string> known;
  for (const db::RegisteredHost& host : hosts) {
    known.insert(host.host.id);
    // One that cannot be called does not keep the others.
    if (const auto taken = take(host, scope); !taken) {
      base::log_error("a host cannot be called",
                      {{"host", host.host.name}, {"error", taken.error()}});
    }
  }
  std::vector<std::string> gone;
  for (const auto& [id, watched] : watched_) {
    if (!known.contains(id)) gone.push_back(id);
  }
  for (const std::string& id : gone) drop(id);
  co_return {};
}

Result<void> RegisteredHosts::renew_identity() {
  const auto now = base::steady_now();
  if (identity_ && now - identity_since_ < kIdentityPeriod) return {};
  WRENN_TRY_ASSIGN(identity_, services_.pki.control_plane_identity());
  identity_since_ = now;
  for (auto& [id, watched] : watched_) WRENN_TRY(watched->security->replace(*identity_));
  return {};
}

Result<void> RegisteredHosts::take(const db::RegisteredHost& host, net::TaskScope& scope) {
  const std::string& id = host.host.id;
  const auto found = watched_.find(id);
  const bool is_same = found != watched_.end() && found->second->agent == host.host.address &&
                       found->second->proxy == host.proxy_address;
  if (is_same) return {};
  WRENN_TRY_ASSIGN(auto agent, net::Endpoint::parse(host.host.address));
  WRENN_TRY_ASSIGN(auto proxy, net::Endpoint::parse(host.proxy_address));
  if (found == watched_.end()) {
    WRENN_TRY_ASSIGN(auto security,
                     net::TlsSecurity::create(net::TlsSide::kClient, *identity_, host_name_of(id)));
    auto made = std::make_unique<Watched>(services_, id, silence_, scope.token());
    made->security = std::move(security);
    watched_.emplace(id, std::move(made));
  }
  Watched& watched = *watched_.at(id);
  watched.agent = host.host.address;
  watched.proxy = host.proxy_address;
  const HostAddress address{host.host.name, id, std::move(agent), std::move(proxy),
                            watched.security};
  services_.directory.put(address);
  services_.fleet.expire();
  tell_.on_host(address);
  base::log_info("host", {{"name", address.name}, {"agent", watched.agent}});
  if (found == watched_.end()) scope.spawn(reconcile(watched));
  return {};
}

Task<void> RegisteredHosts::reconcile(Watched& watched) {
  return net::with_stop(watched.stop.token(), watched.reconciler.run());
}

void RegisteredHosts::drop(const std::string& id) {
  const auto found = watched_.find(id);
  found->second->stop.request_stop();
  dropped_.push_back(std::move(found->second));
  watched_.erase(found);
  services_.directory.retire(id);
  services_.fleet.expire();
  tell_.on_gone(id);
}

}  // namespace wrenn::control
