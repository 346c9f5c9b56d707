#include "control/hosts/placement.h"

#include <algorithm>

#include "base/log.h"
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

Task<Result<std::vector<std::string>>> hosts_to_try(LifecycleServices services) {
  co_return co_await services.database_pool.run([&services]() -> Result<std::vector<std::string>> {
    WRENN_TRY_ASSIGN(auto hosts, services.hosts.list());
    WRENN_TRY_ASSIGN(const auto sandboxes, services.sandboxes.count_by_host());
    std::erase_if(hosts,
                  [&](const db::Host& host) { return !services.directory.contains(host.id); });
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
