#include "control/hosts/reconciler.h"

#include <algorithm>
#include <map>

#include "base/log.h"
#include "base/strings.h"
#include "control/hosts/agent_client.h"
#include "db/team.h"
#include "net/loop.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::Result;
using net::Task;

constexpr auto kPeriod = std::chrono::seconds(1);
constexpr auto kHeartbeatPeriod = std::chrono::seconds(5);
constexpr auto kMaxRemoval = std::chrono::seconds(5);

// On a pool thread: the log of changes says what nobody asked for.
void note_change(Services& services, const StateFix& fix) {
  const auto row = services.sandboxes.get_any_team(fix.id);
  if (!row) return;
  services.audit.add_own(row->team_id, base::concat("capsule.", db::state_name(fix.to)), "capsule",
                         fix.id, fix.changes.error_message.value_or(""));
}

// On a pool thread.
Result<void> apply_fixes(Services& services, const ReconcilePlan& plan) {
  db::SandboxStore& sandboxes = services.sandboxes;
  for (const StateFix& fix : plan.fixes) {
    WRENN_TRY_ASSIGN(const bool changed,
                     sandboxes.transition(fix.id, fix.from, fix.to, fix.changes));
    if (!changed) continue;
    note_change(services, fix);
    base::log_info("sandbox reconciled", {{"sandbox", fix.id},
                                          {"status", db::state_name(fix.to)},
                                          {"reason", fix.changes.error_message.value_or("")}});
  }
  for (const std::string& id : plan.used) WRENN_TRY(sandboxes.touch_active(id));
  return {};
}

// What a host has and should not.
struct Leftovers {
  std::vector<std::string> unwanted;                          // By anybody.
  std::map<std::string, std::vector<std::string>> elsewhere;  // By the host they should be on.
};

// On a pool thread. One that is newer than the rows the plan was made of is left out.
Result<Leftovers> sort_out(db::SandboxStore& sandboxes, const std::string& host_id,
                           const std::vector<std::string>& ids) {
  Leftovers leftovers;
  for (const std::string& id : ids) {
    const auto row = sandboxes.get_any_team(id);
    if (!row && row.error().code != base::Code::kNotFound) return base::fail(row.error());
    // Of one that is in storage, what a host has is a wake that was given up.
    const bool is_moot = row && row->status == db::SandboxState::kHibernated &&
                         row->archive == db::Archive::kCurrent && row->host_id != host_id;
    if (!row || !db::is_listed(row->status) || is_moot) {
      leftovers.unwanted.push_back(id);
    } else if (row->host_id && *row->host_id != host_id) {
      leftovers.elsewhere[*row->host_id].push_back(id);
    }
  }
  return leftovers;
}

// Older agents do not tell.
std::optional<db::HostReport> report_of(const agent::ListSandboxesResponse& heard) {
  if (!heard.has_host()) return std::nullopt;
  const agent::HostState& host = heard.host();
  return db::HostReport{.arch = host.arch(),
                        .capacity = {.cpu_cores = host.cpu_cores(),
                                     .memory_mb = host.memory_mb(),
                                     .memory_reserved_mb = host.memory_reserved_mb(),
                                     .disk_mb = host.disk_mb()},
                        .memory_free_mb = host.memory_free_mb(),
                        .disk_free_mb = host.disk_free_mb()};
}

bool has_sound(const agent::ListSandboxesResponse& on_host, const std::string& id) {
  return std::ranges::any_of(on_host.sandboxes(), [&](const agent::SandboxInfo& info) {
    return info.sandbox_id() == id && info.status() != "error";
  });
}

}  // namespace

Task<void> Reconciler::run() {
  while (true) {
    const auto done = co_await run_once();
    if (!done && done.error().code != base::Code::kUnavailable &&
        done.error().code != base::Code::kCanceled) {
      base::log_error("reconciling failed", {{"host", host_id_}, {"error", done.error()}});
    }
    if (!co_await net::sleep_for(kPeriod)) co_return;
  }
}

Task<Result<void>> Reconciler::run_once() {
  // The rows first: see make_plan().
  WRENN_CO_TRY_ASSIGN(const auto rows, co_await services_.database_pool.run([&] {
    return services_.sandboxes.list_by_host(host_id_);
  }));
  services_.fleet.note_sandboxes(host_id_, rows);
  WRENN_CO_TRY_ASSIGN(AgentClient* const agent, services_.directory.agent(host_id_));
  const auto on_host = co_await agent->list_sandboxes();
  if (!on_host) {
    co_await note_silence(on_host.error());
    co_return base::fail(base::Code::kUnavailable, on_host.error().message);
  }
  WRENN_CO_TRY(co_await note_heard(report_of(*on_host)));
  const ReconcilePlan plan = make_plan(rows, *on_host, services_.busy, base::unix_ms_now(),
                                       heard_since_ms_, services_.sandboxes.holder());
  WRENN_CO_TRY(co_await services_.database_pool.run([&] { return apply_fixes(services_, plan); }));
  for (const StateFix& fix : plan.fixes) services_.forget_place(fix.id);
  co_await destroy_all(plan.ruins, "it is broken");
  WRENN_CO_TRY(co_await remove_archives(*agent));
  if (!plan.unknown.empty()) WRENN_CO_TRY(co_await remove_unknown(plan.unknown));
  co_return co_await drain(rows);
}

// One after another: each save takes the host's disk for a while, and it must be heard meanwhile.
Task<Result<void>> Reconciler::drain(const std::vector<db::Sandbox>& rows) {
  const auto running = std::ranges::find_if(rows, [&](const db::Sandbox& row) {
    return row.status == db::SandboxState::kRunning && !services_.busy.contains(row.id);
  });
  if (running == rows.end()) co_return {};
  WRENN_CO_TRY_ASSIGN(const db::Host host, co_await services_.database_pool.run(
                                               [&] { return services_.hosts.get(host_id_); }));
  if (!host.is_draining) co_return {};
  const auto paused = co_await pause_sandbox(services_.lifecycle(), *running, "memory");
  services_.forget_place(running->id);
  if (!paused) {
    base::log_warn(
        "a sandbox on a host that is drained was not paused; tried again",
        {{"sandbox", running->id}, {"host", host.name}, {"error", paused.error().message}});
    co_return {};
  }
  services_.audit.add_own(running->team_id, "capsule.paused", "capsule", running->id,
                          "its host is being drained");
  co_return {};
}

Task<Result<void>> Reconciler::remove_unknown(std::vector<std::string> ids) {
  WRENN_CO_TRY_ASSIGN(Leftovers leftovers, co_await services_.database_pool.run([&] {
    return sort_out(services_.sandboxes, host_id_, ids);
  }));
  co_await destroy_all(std::move(leftovers.unwanted), "nobody wants it any more");
  for (auto& [host_id, moved] : leftovers.elsewhere) {
    // Only what that host really has: its name may just be a new one for the same machine.
    const auto agent = services_.directory.agent(host_id);
    if (!agent) continue;
    const auto there = co_await (*agent)->list_sandboxes();
    if (!there) continue;
    std::erase_if(moved, [&](const std::string& id) { return !has_sound(*there, id); });
    co_await destroy_all(std::move(moved), "it is on another host now");
  }
  co_return {};
}

Task<Result<void>> Reconciler::note_heard(std::optional<db::HostReport> report) {
  const auto now = base::steady_now();
  if (host_ == HostState::kAnswering && now - last_heartbeat_ < kHeartbeatPeriod) co_return {};
  if (host_ != HostState::kAnswering) {
    WRENN_CO_TRY_ASSIGN(const bool was_down, co_await services_.database_pool.run([&] {
      return services_.hosts.mark_up(host_id_);
    }));
    if (was_down) WRENN_CO_TRY(co_await note_host("host.marked_up"));
  }
  WRENN_CO_TRY(co_await services_.database_pool.run(
      [&] { return services_.hosts.heartbeat(host_id_, report); }));
  last_heartbeat_ = now;
  if (host_ != HostState::kAnswering)
    base::log_info("the host agent answers", {{"host", host_id_}});
  if (host_ != HostState::kAnswering) heard_since_ms_ = base::unix_ms_now();
  host_ = HostState::kAnswering;
  co_return {};
}

Task<void> Reconciler::note_silence(base::Error error) {
  if (error.code == base::Code::kCanceled) co_return;
  if (host_ == HostState::kAnswering) {
    base::log_warn("the host agent does not answer", {{"host", host_id_}, {"error", error}});
  }
  host_ = HostState::kSilent;
  if (const auto marked = co_await mark_missing(); !marked) {
    base::log_error("a silent host was not noted", {{"host", host_id_}, {"error", marked.error()}});
  }
}

// In the log of changes of whoever runs it.
Task<Result<void>> Reconciler::note_host(std::string action) {
  WRENN_CO_TRY_ASSIGN(const db::Host host, co_await services_.database_pool.run(
                                               [&] { return services_.hosts.get(host_id_); }));
  services_.audit.add_own(host.team_id.value_or(std::string(db::kDefaultTeam)), action, "host",
                          host_id_, host.name);
  co_return {};
}

Task<Result<void>> Reconciler::mark_missing() {
  const auto silence_ms = static_cast<std::int64_t>(base::to_ms(silence_));
  WRENN_CO_TRY_ASSIGN(const auto silent, co_await services_.database_pool.run([&] {
    return services_.hosts.mark_silent(host_id_, silence_ms);
  }));
  if (!silent) co_return {};
  WRENN_CO_TRY(co_await note_host("host.marked_down"));
  WRENN_CO_TRY_ASSIGN(const auto rows, co_await services_.database_pool.run([&] {
    return services_.sandboxes.list_by_host(host_id_);
  }));
  const ReconcilePlan plan =
      plan_for_silence(rows, services_.busy, base::unix_ms_now(), services_.sandboxes.holder());
  WRENN_CO_TRY(co_await services_.database_pool.run([&] { return apply_fixes(services_, plan); }));
  for (const StateFix& fix : plan.fixes) services_.forget_place(fix.id);
  co_return {};
}

Task<Result<void>> Reconciler::remove_archives(AgentClient& agent) {
  WRENN_CO_TRY_ASSIGN(const auto ids, co_await services_.database_pool.run([&] {
    return services_.sandboxes.stale_archives(host_id_);
  }));
  for (const std::string& id : ids) {
    if (services_.busy.contains(id)) continue;
    // Nobody writes a new one meanwhile.
    const BusySandboxes::Mark busy(services_.busy, id);
    WRENN_CO_TRY_ASSIGN(const bool is_ours, co_await services_.database_pool.run(
                                                [&] { return services_.sandboxes.hold(id); }));
    if (!is_ours) continue;
    const auto removed = co_await agent.forget_archive(id, kMaxRemoval);
    if (removed) {
      WRENN_CO_TRY(co_await services_.database_pool.run(
          [&] { return services_.sandboxes.forget_archive(id); }));
    } else if (archives_ == ArchiveState::kFine) {
      base::log_warn("what object storage has of a sandbox could not be removed; tried again",
                     {{"sandbox", id}, {"host", host_id_}, {"error", removed.error()}});
    }
    archives_ = removed ? ArchiveState::kFine : ArchiveState::kStuck;
    WRENN_CO_TRY(
        co_await services_.database_pool.run([&] { return services_.sandboxes.let_go(id); }));
    // The others can wait, and the host must be heard.
    if (!removed) break;
  }
  co_return {};
}

Task<void> Reconciler::destroy_all(std::vector<std::string> ids, std::string reason) {
  for (const std::string& id : ids) {
    // A request may have taken it up meanwhile.
    if (services_.busy.contains(id)) continue;
    base::log_warn("a sandbox is removed from its host", {{"sandbox", id}, {"reason", reason}});
    const auto agent = services_.directory.agent(host_id_);
    if (!agent) co_return;
    const auto destroyed = co_await (*agent)->destroy(id);
    if (!destroyed) {
      base::log_error("a sandbox could not be removed",
                      {{"sandbox", id}, {"error", destroyed.error()}});
    }
  }
}

}  // namespace wrenn::control
