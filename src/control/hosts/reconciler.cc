#include "control/hosts/reconciler.h"

#include "base/log.h"
#include "base/strings.h"
#include "control/hosts/agent_client.h"
#include "net/loop.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::Result;
using net::Task;

constexpr auto kPeriod = std::chrono::seconds(1);
constexpr auto kHeartbeatPeriod = std::chrono::seconds(5);

// On a pool thread.
Result<void> apply_fixes(db::SandboxStore& sandboxes, const ReconcilePlan& plan) {
  for (const StateFix& fix : plan.fixes) {
    WRENN_TRY_ASSIGN(const bool changed,
                     sandboxes.transition(fix.id, fix.from, fix.to, fix.changes));
    if (!changed) continue;
    base::log_info("sandbox reconciled", {{"sandbox", fix.id},
                                          {"status", db::state_name(fix.to)},
                                          {"reason", fix.changes.error_message.value_or("")}});
  }
  for (const std::string& id : plan.used) WRENN_TRY(sandboxes.touch_active(id));
  return {};
}

// On a pool thread: those of `ids` that nobody wants any more.
Result<std::vector<std::string>> unwanted(db::SandboxStore& sandboxes,
                                          const std::vector<std::string>& ids) {
  std::vector<std::string> out;
  for (const std::string& id : ids) {
    const auto row = sandboxes.get_any_team(id);
    if (!row && row.error().code != base::Code::kNotFound) return base::fail(row.error());
    if (!row || !db::is_listed(row->status)) out.push_back(id);
  }
  return out;
}

}  // namespace

Result<void> register_local_host(db::HostStore& hosts, const std::string& agent_address) {
  WRENN_TRY(hosts.upsert({.id = local_host_id(),
                          .name = "local",
                          .address = agent_address,
                          .status = db::HostStatus::kUnreachable}));
  return {};
}

Task<void> Reconciler::run() {
  while (true) {
    const auto done = co_await run_once();
    if (!done && done.error().code != base::Code::kUnavailable &&
        done.error().code != base::Code::kCanceled) {
      base::log_error("reconciling failed", {{"error", done.error()}});
    }
    if (!co_await net::sleep_for(kPeriod)) co_return;
  }
}

Task<Result<void>> Reconciler::run_once() {
  // The rows first: see make_plan().
  WRENN_CO_TRY_ASSIGN(const auto rows, co_await services_.database_pool.run([&] {
    return services_.sandboxes.list_by_host(local_host_id());
  }));
  const auto on_host = co_await services_.agent.list_sandboxes();
  if (!on_host) {
    co_await note_silence(on_host.error());
    co_return base::fail(base::Code::kUnavailable, on_host.error().message);
  }
  WRENN_CO_TRY(co_await note_heard());
  const ReconcilePlan plan =
      make_plan(rows, *on_host, services_.busy, base::unix_ms_now(), heard_since_ms_);
  WRENN_CO_TRY(
      co_await services_.database_pool.run([&] { return apply_fixes(services_.sandboxes, plan); }));
  for (const StateFix& fix : plan.fixes) services_.forget_place(fix.id);
  co_await destroy_all(plan.ruins, "it is broken");
  if (plan.unknown.empty()) co_return {};
  WRENN_CO_TRY_ASSIGN(auto leftovers, co_await services_.database_pool.run([&] {
    return unwanted(services_.sandboxes, plan.unknown);
  }));
  co_await destroy_all(std::move(leftovers), "nobody wants it any more");
  co_return {};
}

Task<Result<void>> Reconciler::note_heard() {
  const auto now = base::steady_now();
  if (host_ == HostState::kAnswering && now - last_heartbeat_ < kHeartbeatPeriod) co_return {};
  WRENN_CO_TRY(co_await services_.database_pool.run(
      [&] { return services_.hosts.heartbeat(local_host_id()); }));
  last_heartbeat_ = now;
  if (host_ != HostState::kAnswering) base::log_info("the host agent answers");
  if (host_ != HostState::kAnswering) heard_since_ms_ = base::unix_ms_now();
  host_ = HostState::kAnswering;
  co_return {};
}

Task<void> Reconciler::note_silence(base::Error error) {
  if (error.code == base::Code::kCanceled) co_return;
  if (host_ == HostState::kAnswering) {
    base::log_warn("the host agent does not answer", {{"error", error}});
  }
  host_ = HostState::kSilent;
  if (const auto marked = co_await mark_missing(); !marked) {
    base::log_error("a silent host was not noted", {{"error", marked.error()}});
  }
}

Task<Result<void>> Reconciler::mark_missing() {
  const auto silence_ms = static_cast<std::int64_t>(base::to_ms(silence_));
  WRENN_CO_TRY_ASSIGN(const auto silent, co_await services_.database_pool.run([&] {
    return services_.hosts.mark_silent(local_host_id(), silence_ms);
  }));
  if (!silent) co_return {};
  WRENN_CO_TRY_ASSIGN(const auto rows, co_await services_.database_pool.run([&] {
    return services_.sandboxes.list_by_host(local_host_id());
  }));
  const ReconcilePlan plan = plan_for_silence(rows);
  WRENN_CO_TRY(
      co_await services_.database_pool.run([&] { return apply_fixes(services_.sandboxes, plan); }));
  for (const StateFix& fix : plan.fixes) services_.forget_place(fix.id);
  co_return {};
}

Task<void> Reconciler::destroy_all(std::vector<std::string> ids, std::string reason) {
  for (const std::string& id : ids) {
    // A request may have taken it up meanwhile.
    if (services_.busy.contains(id)) continue;
    base::log_warn("a sandbox is removed from its host", {{"sandbox", id}, {"reason", reason}});
    const auto destroyed = co_await services_.agent.destroy(id);
    if (!destroyed) {
      base::log_error("a sandbox could not be removed",
                      {{"sandbox", id}, {"error", destroyed.error()}});
    }
  }
}

}  // namespace wrenn::control
