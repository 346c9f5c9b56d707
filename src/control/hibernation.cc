#include "control/hibernation.h"

#include "base/log.h"
#include "base/strings.h"
#include "control/hosts/host_directory.h"
#include "control/lifecycle_steps.h"
#include "control/scheduler/placement.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using db::Sandbox;
using db::SandboxState;
using net::Task;

// All of a sandbox is written to the storage, memory and disk.
constexpr auto kMaxHibernation = std::chrono::minutes(15);
constexpr auto kMaxRemoval = std::chrono::seconds(60);

// Whether it may have been done all the same.
bool is_unknown(const base::Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kDeadlineExceeded ||
         error.code == Code::kCanceled;
}

// Hosts may be set up differently.
bool may_wake_elsewhere(const base::Error& error) {
  return may_do_elsewhere(error) || error.code == Code::kFailedPrecondition ||
         error.code == Code::kUnimplemented;
}

// Through any host.
Task<Answer<void>> remove_archive(LifecycleServices services, std::string sandbox_id) {
  API_CO_TRY_ASSIGN(const auto hosts, db_answer(co_await hosts_to_try(services)));
  ApiError refusal{ApiCode::kNoHostsAvailable, "there is no host to remove its archive"};
  for (const std::string& host_id : hosts) {
    API_CO_TRY_ASSIGN(AgentClient* const agent, agent_answer(services.directory.agent(host_id)));
    const auto removed = co_await agent->forget_archive(sandbox_id, kMaxRemoval);
    if (removed) co_return {};
    refusal = from_agent(removed.error());
  }
  co_return std::unexpected(std::move(refusal));
}

// Unless another control plane is at it.
Task<Answer<void>> remove_held_archive(LifecycleServices services, std::string sandbox_id) {
  API_CO_TRY_ASSIGN(const bool is_ours, db_answer(co_await services.database_pool.run(
                                            [&] { return services.sandboxes.hold(sandbox_id); })));
  if (!is_ours) co_return {};
  auto removed = co_await remove_stale_archive(services, sandbox_id);
  API_CO_TRY(db_answer(
      co_await services.database_pool.run([&] { return services.sandboxes.let_go(sandbox_id); })));
  co_return removed;
}

Task<Answer<Changed>> hibernate_now(LifecycleServices services, AgentClient& agent, Sandbox row) {
  const auto done = co_await agent.hibernate(row.id, kMaxHibernation);
  if (!done) {
    // The reconciler finds out where it is.
    if (is_unknown(done.error())) co_return std::unexpected(from_agent(done.error()));
    API_CO_TRY(
        co_await transition(services, row.id, SandboxState::kHibernating, SandboxState::kPaused,
                            {.pause_mode = row.pause_mode, .pause_reason = row.pause_reason}));
    const bool is_nothing_there = done.error().code == Code::kFailedPrecondition;
    if (is_nothing_there) {
      API_CO_TRY(db_answer(co_await services.database_pool.run(
          [&services, &row] { return services.sandboxes.forget_archive(row.id); })));
    }
    co_return std::unexpected(from_agent(done.error()));
  }
  auto finished =
      co_await finish(services, row.id, SandboxState::kHibernating, SandboxState::kHibernated,
                      {.host_ip = "", .archive_bytes = done->size_bytes()},
                      {done->timings_ms().begin(), done->timings_ms().end()});
  const bool is_destroyed = !finished && finished.error().code == ApiCode::kInvalidState;
  if (is_destroyed) API_CO_TRY(co_await remove_archive(services, row.id));
  co_return finished;
}

// The row is that of the host it is tried on, so that its reconciler can settle what a crash
// leaves.
Task<base::Result<agent::WakeSandboxResponse>> wake_on_one(LifecycleServices services, Sandbox& row,
                                                           agent::WakeSandboxRequest request,
                                                           Placed placed, base::Duration limit) {
  while (true) {
    row.host_id = placed.host_id;
    auto agent = services.directory.agent(row.host_id);
    if (!agent) co_return base::fail(std::move(agent).error());
    auto woken = co_await (*agent)->wake(request, limit);
    if (woken || woken.error().code == Code::kCanceled) co_return woken;
    base::log_warn("a sandbox was not woken",
                   {{"sandbox", row.id}, {"host", placed.host_id}, {"error", woken.error()}});
    if (is_unknown(woken.error())) co_await destroy_leftover(**agent, row.id);
    if (!may_wake_elsewhere(woken.error()) || placed.others.empty()) co_return woken;
    WRENN_CO_TRY_ASSIGN(auto next, co_await place_elsewhere(services, row, SandboxState::kResuming,
                                                            std::move(placed.others)));
    if (!next) co_return woken;
    placed = *std::move(next);
  }
}

}  // namespace

Task<Answer<Changed>> hibernate_sandbox(LifecycleServices services, Sandbox row) {
  const auto until = base::steady_now() + kMaxHibernation;
  Timings timings;
  while (base::steady_now() < until) {
    if (row.status == SandboxState::kHibernated) co_return Changed{std::move(row), {}};
    if (row.status == SandboxState::kRunning) {
      API_CO_TRY_ASSIGN(Changed paused, co_await pause_sandbox(services, std::move(row), "memory"));
      row = std::move(paused.sandbox);
      timings.merge(paused.timings_ms);
      continue;
    }
    if (row.status == SandboxState::kPaused && row.archive == db::Archive::kStale) {
      // Whoever else removes it must be done before a new one is written.
      if (!services.busy.contains(row.id)) {
        const BusySandboxes::Mark busy(services.busy, row.id);
        API_CO_TRY(co_await remove_held_archive(services, row.id));
      }
    } else if (row.status == SandboxState::kPaused) {
      API_CO_TRY_ASSIGN(AgentClient* const agent,
                        agent_answer(services.directory.agent(row.host_id)));
      const BusySandboxes::Mark busy(services.busy, row.id);
      API_CO_TRY_ASSIGN(
          const bool is_ours,
          co_await transition(services, row.id, SandboxState::kPaused, SandboxState::kHibernating));
      if (is_ours) {
        API_CO_TRY_ASSIGN(Changed changed, co_await services.operations.measure(
                                               Operation::kHibernate,
                                               hibernate_now(services, *agent, std::move(row))));
        changed.timings_ms.merge(timings);
        co_return changed;
      }
    } else if (row.status == SandboxState::kResuming) {
      co_return std::unexpected(
          wrong_state(row, "it can be hibernated as soon as it runs; ask again"));
    } else if (!is_asleep(row.status)) {
      co_return std::unexpected(wrong_state(row, "only a running or paused one can be hibernated"));
    }
    API_CO_TRY_ASSIGN(row, co_await look_again(services, row.id));
  }
  co_return std::unexpected(too_slow(row, kMaxHibernation));
}

Task<Answer<std::optional<Changed>>> wake_from_archive(LifecycleServices services, Sandbox row,
                                                       db::LifecycleSettings settings,
                                                       base::Duration limit) {
  const BusySandboxes::Mark busy(services.busy, row.id);
  const Sandbox before = row;
  API_CO_TRY_ASSIGN(auto placed, co_await place_resume(services, row, SandboxState::kHibernated));
  if (!placed) co_return std::nullopt;
  settings = begun_now(std::move(settings));
  agent::WakeSandboxRequest request;
  request.set_sandbox_id(row.id);
  to_rpc(settings, *request.mutable_lifecycle());
  const auto woken =
      co_await wake_on_one(services, row, std::move(request), *std::move(placed), limit);
  if (!woken) {
    if (woken.error().code == Code::kCanceled) co_return std::unexpected(from_agent(woken.error()));
    API_CO_TRY(co_await transition(services, row.id, SandboxState::kResuming,
                                   SandboxState::kHibernated,
                                   {.host_id = before.host_id,
                                    .pause_mode = before.pause_mode,
                                    .pause_reason = before.pause_reason}));
    co_return std::unexpected(from_agent(woken.error()));
  }
  API_CO_TRY(db_answer(co_await services.database_pool.run([&services, &row, &settings] {
    return services.sandboxes.set_lifecycle(row.id, settings);
  })));
  API_CO_TRY_ASSIGN(Changed changed,
                    co_await finish(services, row.id, SandboxState::kResuming,
                                    SandboxState::kRunning, seen_on_host(woken->sandbox()),
                                    {woken->timings_ms().begin(), woken->timings_ms().end()}));
  base::log_info("sandbox woken", {{"sandbox", row.id},
                                   {"from", before.host_id.value_or("")},
                                   {"host", row.host_id.value_or("")}});
  co_return std::move(changed);
}

Task<Answer<void>> remove_stale_archive(LifecycleServices services, std::string sandbox_id) {
  API_CO_TRY(co_await remove_archive(services, sandbox_id));
  API_CO_TRY(db_answer(co_await services.database_pool.run(
      [&services, &sandbox_id] { return services.sandboxes.forget_archive(sandbox_id); })));
  co_return {};
}

}  // namespace wrenn::control
