#include "control/hosts/placement.h"

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/hosts/host_directory.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::Result;
using net::Task;

// Hosts are heard every 5 s, and a call that says so may take as long.
constexpr std::int64_t kFreshMs = 15'000;

bool was_just_heard(const db::Host& host, std::int64_t now_ms) {
  return host.status == db::HostStatus::kOnline &&
         now_ms - host.last_seen_at.value_or(0) < kFreshMs;
}

int count_of(const std::map<std::string, int>& sandboxes, const std::string& host_id) {
  const auto found = sandboxes.find(host_id);
  return found == sandboxes.end() ? 0 : found->second;
}

// On a pool thread.
Result<std::vector<db::Host>> known_hosts(LifecycleServices services) {
  WRENN_TRY_ASSIGN(auto hosts, services.hosts.list());
  std::erase_if(hosts, [&](const db::Host& host) { return !services.directory.contains(host.id); });
  return hosts;
}

}  // namespace

std::vector<std::string> rank_hosts(std::vector<db::Host> hosts,
                                    const std::map<std::string, int>& sandboxes,
                                    std::int64_t now_ms) {
  const auto is_fresh = [now_ms](const db::Host& host) { return was_just_heard(host, now_ms); };
  if (std::ranges::any_of(hosts, is_fresh)) std::erase_if(hosts, std::not_fn(is_fresh));
  std::ranges::sort(hosts, {}, [&](const db::Host& host) {
    return std::pair(count_of(sandboxes, host.id), host.name);
  });
  std::vector<std::string> ids;
  for (const db::Host& host : hosts) ids.push_back(host.id);
  return ids;
}

std::vector<db::Host> hosts_open_to(std::vector<db::Host> hosts, std::string_view team_id) {
  const auto is_own = [team_id](const db::Host& host) { return host.team_id == team_id; };
  const bool has_own = std::ranges::any_of(hosts, is_own);
  std::erase_if(hosts, [&](const db::Host& host) {
    return host.is_draining || (has_own ? !is_own(host) : host.team_id.has_value());
  });
  return hosts;
}

Task<Result<std::vector<std::string>>> hosts_to_make_on(LifecycleServices services,
                                                        std::string team_id) {
  co_return co_await services.database_pool.run(
      [&services, &team_id]() -> Result<std::vector<std::string>> {
        WRENN_TRY_ASSIGN(auto hosts, known_hosts(services));
        WRENN_TRY_ASSIGN(const auto sandboxes, services.sandboxes.count_by_host());
        return rank_hosts(hosts_open_to(std::move(hosts), team_id), sandboxes, base::unix_ms_now());
      });
}

Task<Result<void>> check_not_drained(LifecycleServices services, std::string host_id) {
  WRENN_CO_TRY_ASSIGN(const db::Host host, co_await services.database_pool.run(
                                               [&] { return services.hosts.get(host_id); }));
  if (!host.is_draining) co_return {};
  co_return base::fail(Code::kUnavailable,
                       base::concat("its host '", host.name, "' is being drained"),
                       "`wrenn host drain --undo` takes that back");
}

Task<Result<std::vector<std::string>>> hosts_to_try(LifecycleServices services) {
  co_return co_await services.database_pool.run([&services]() -> Result<std::vector<std::string>> {
    WRENN_TRY_ASSIGN(auto hosts, known_hosts(services));
    WRENN_TRY_ASSIGN(const auto sandboxes, services.sandboxes.count_by_host());
    return rank_hosts(std::move(hosts), sandboxes, base::unix_ms_now());
  });
}

bool may_do_elsewhere(const base::Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kResourceExhausted;
}

Task<void> destroy_leftover(AgentClient& agent, std::string id) {
  const auto destroyed = co_await agent.destroy(id);
  if (!destroyed) {
    base::log_warn("a sandbox that could not be made may be left; it is removed later",
                   {{"sandbox", id}, {"host", agent.address()}, {"error", destroyed.error()}});
  }
}

}  // namespace wrenn::control
