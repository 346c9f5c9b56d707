#include "control/scheduler/placement.h"

#include <algorithm>
#include <functional>

#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/api/on_pool.h"
#include "control/hosts/host_directory.h"
#include "control/scheduler/fleet.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::Result;
using net::Task;

// On one of these hosts, in their order, in the transaction that writes the row.
using Reserve = std::function<Result<db::Placement>(const std::vector<std::string>& hosts)>;

struct Attempt {
  db::Placement placement;
  std::vector<std::string> others;
};

// On a pool thread, like all here that is no task.
Result<void> refresh(LifecycleServices services) {
  if (!services.fleet.begin_refresh()) return {};
  WRENN_TRY_ASSIGN(auto hosts, services.hosts.list());
  std::erase_if(hosts, [&](const db::Host& host) { return !services.directory.contains(host.id); });
  services.fleet.set_hosts(hosts, base::unix_ms_now());
  return {};
}

std::vector<std::string> without(std::vector<std::string> hosts, const std::string& host_id) {
  std::erase(hosts, host_id);
  return hosts;
}

// What is known of the hosts' load may be a second old: hosts that turn out to be full are known to
// be so, and the scheduler chooses anew.
Answer<Attempt> place(LifecycleServices services, const Demand& demand, const Reserve& reserve) {
  constexpr int kRounds = 8;
  for (int round = 0; round < kRounds; ++round) {
    API_TRY(db_answer(refresh(services)));
    Candidates candidates = services.fleet.choose(demand);
    if (candidates.hosts.empty()) break;
    API_TRY_ASSIGN(db::Placement placement, db_answer(reserve(candidates.hosts)));
    services.fleet.note_placement(demand, placement);
    if (placement.outcome != db::Placing::kNoRoom) {
      auto others = without(std::move(candidates.hosts), placement.host_id);
      return Attempt{std::move(placement), std::move(others)};
    }
    if (!candidates.have_room) break;
    // One that takes nothing new any more was not even looked at.
    if (placement.loads.size() < candidates.hosts.size()) services.fleet.expire();
  }
  return std::unexpected(from_agent(services.fleet.explain(demand)));
}

Demand demand_to_resume(const db::Sandbox& sandbox, db::SandboxState from) {
  Demand demand{
      .amounts = db::size_of(sandbox), .team_id = sandbox.team_id, .labels = sandbox.host_labels};
  if (from != db::SandboxState::kPaused) return demand;
  // It is where it is, with its disk.
  demand.amounts.disk_mb = 0;
  demand.labels.clear();
  demand.only_on = sandbox.host_id;
  return demand;
}

}  // namespace

Answer<Placed> place_new(LifecycleServices services, const Demand& demand,
                         std::span<db::Sandbox> rows) {
  // Pending is for those that have no host yet.
  for (db::Sandbox& row : rows) row.status = db::SandboxState::kStarting;
  API_TRY_ASSIGN(Attempt attempt,
                 place(services, demand, [&](const std::vector<std::string>& hosts) {
                   return services.sandboxes.insert_on({rows.begin(), rows.end()}, hosts);
                 }));
  std::ranges::move(attempt.placement.inserted, rows.begin());
  return Placed{std::move(attempt.placement.host_id), std::move(attempt.others)};
}

Task<Answer<std::optional<Placed>>> place_resume(LifecycleServices services, db::Sandbox sandbox,
                                                 db::SandboxState from) {
  const Demand demand = demand_to_resume(sandbox, from);
  API_CO_TRY_ASSIGN(Attempt attempt, co_await on_pool(services.database_pool, [&] {
                      return place(services, demand, [&](const std::vector<std::string>& hosts) {
                        return services.sandboxes.begin_resume(sandbox.id, from, hosts);
                      });
                    }));
  if (attempt.placement.outcome == db::Placing::kNotWanted) co_return std::nullopt;
  co_return Placed{std::move(attempt.placement.host_id), std::move(attempt.others)};
}

Task<Result<std::optional<Placed>>> place_elsewhere(LifecycleServices services, db::Sandbox sandbox,
                                                    db::SandboxState state,
                                                    std::vector<std::string> others) {
  WRENN_CO_TRY_ASSIGN(const db::Placement placement, co_await services.database_pool.run([&] {
    return services.sandboxes.move_to_host(sandbox.id, state, others);
  }));
  services.fleet.note_placement({.amounts = db::size_of(sandbox)}, placement);
  if (placement.outcome != db::Placing::kDone) co_return std::nullopt;
  // Those before it had no room.
  others.erase(others.begin(), std::ranges::find(others, placement.host_id) + 1);
  co_return Placed{placement.host_id, std::move(others)};
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
    WRENN_TRY(refresh(services));
    return services.fleet.all();
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
