#include "control/lifecycle.h"

#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/hibernation.h"
#include "control/hosts/host_directory.h"
#include "control/lifecycle_steps.h"
#include "control/scheduler/placement.h"
#include "net/loop.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::concat;
using db::Sandbox;
using db::SandboxState;
using net::Task;

// For who did not ask for it.
constexpr auto kMaxWake = std::chrono::seconds(30);
// The same, where it has to be fetched from object storage first.
constexpr auto kMaxFetch = std::chrono::minutes(2);

db::SandboxChanges seen_paused(const hostagent::v1::SandboxInfo& info) {
  db::SandboxChanges changes = seen_on_host(info);
  changes.pause_mode = info.pause_mode();
  changes.pause_reason = info.reason();
  return changes;
}

// An unknown host is as one that does not answer.
Task<base::Result<agent::PauseSandboxResponse>> call_pause(
    LifecycleServices services, std::optional<std::string> host_id,
    const agent::PauseSandboxRequest& request) {
  WRENN_CO_TRY_ASSIGN(AgentClient* const agent, services.directory.agent(host_id));
  co_return co_await agent->pause(request, kMaxChange);
}
Task<base::Result<agent::ResumeSandboxResponse>> call_resume(
    LifecycleServices services, std::optional<std::string> host_id,
    const agent::ResumeSandboxRequest& request, base::Duration limit) {
  WRENN_CO_TRY_ASSIGN(AgentClient* const agent, services.directory.agent(host_id));
  co_return co_await agent->resume(request, limit);
}

Task<Answer<Changed>> pause_now(LifecycleServices services, Sandbox row, std::string mode) {
  agent::PauseSandboxRequest request;
  request.set_sandbox_id(row.id);
  request.set_mode(mode);
  const auto paused = co_await call_pause(services, row.host_id, request);
  if (!paused) {
    // Stopped with the whole process: the next one finds the row and what came of it.
    if (paused.error().code == base::Code::kCanceled) {
      co_return std::unexpected(from_agent(paused.error()));
    }
    // It goes on, as the agent promises; a host that is silent is asked by the reconciler.
    API_CO_TRY(
        co_await transition(services, row.id, SandboxState::kPausing, SandboxState::kRunning));
    co_return std::unexpected(from_agent(paused.error()));
  }
  co_return co_await finish(services, row.id, SandboxState::kPausing, SandboxState::kPaused,
                            seen_paused(paused->sandbox()),
                            {paused->timings_ms().begin(), paused->timings_ms().end()});
}

Task<Answer<Changed>> resume_now(LifecycleServices services, Sandbox row,
                                 db::LifecycleSettings settings, base::Duration limit) {
  settings = begun_now(settings);
  agent::ResumeSandboxRequest request;
  request.set_sandbox_id(row.id);
  to_rpc(settings, *request.mutable_lifecycle());
  const auto resumed = co_await call_resume(services, row.host_id, request, limit);
  if (!resumed) {
    if (resumed.error().code == base::Code::kCanceled) {
      co_return std::unexpected(from_agent(resumed.error()));
    }
    API_CO_TRY(
        co_await transition(services, row.id, SandboxState::kResuming, SandboxState::kPaused,
                            {.pause_mode = row.pause_mode, .pause_reason = row.pause_reason}));
    co_return std::unexpected(from_agent(resumed.error()));
  }
  API_CO_TRY(db_answer(co_await services.database_pool.run([&services, &row, &settings] {
    return services.sandboxes.set_lifecycle(row.id, settings);
  })));
  co_return co_await finish(services, row.id, SandboxState::kResuming, SandboxState::kRunning,
                            seen_on_host(resumed->sandbox()),
                            {resumed->timings_ms().begin(), resumed->timings_ms().end()});
}

Task<Answer<Changed>> resume_within(LifecycleServices services, Sandbox row,
                                    std::optional<db::LifecycleSettings> settings,
                                    base::Duration limit) {
  const auto until = base::steady_now() + limit;
  while (base::steady_now() < until) {
    if (row.status == SandboxState::kRunning) {
      if (settings) {
        API_CO_TRY_ASSIGN(row, co_await change_lifecycle(services, std::move(row), *settings));
      }
      co_return Changed{std::move(row), {}};
    }
    if (row.status == SandboxState::kPaused) {
      // Not while it only waits: the change under way may be one of an earlier control plane, that
      // the reconciler has to settle.
      const BusySandboxes::Mark busy(services.busy, row.id);
      API_CO_TRY(agent_answer(co_await check_not_drained(services, row.host_id.value_or(""))));
      API_CO_TRY_ASSIGN(const auto placed,
                        co_await place_resume(services, row, SandboxState::kPaused));
      if (placed) {
        const auto chosen = settings.value_or(settings_of(row));
        co_return co_await services.operations.measure(
            Operation::kResume, resume_now(services, std::move(row), chosen, limit));
      }
    } else if (row.status == SandboxState::kHibernated) {
      const auto chosen = settings.value_or(settings_of(row));
      API_CO_TRY_ASSIGN(auto woken,
                        co_await services.operations.measure(
                            Operation::kWake, wake_from_archive(services, row, chosen, limit)));
      if (woken) co_return std::move(*woken);
    } else if (!is_asleep(row.status)) {
      co_return std::unexpected(wrong_state(row, "only a paused one can be resumed"));
    }
    API_CO_TRY_ASSIGN(row, co_await look_again(services, row.id));
  }
  co_return std::unexpected(too_slow(row, limit));
}

}  // namespace

bool is_asleep(SandboxState state) {
  return state == SandboxState::kPausing || state == SandboxState::kPaused ||
         state == SandboxState::kResuming || state == SandboxState::kHibernating ||
         state == SandboxState::kHibernated;
}

Task<Answer<Changed>> pause_sandbox(LifecycleServices services, Sandbox row, std::string mode) {
  const auto until = base::steady_now() + kMaxChange;
  while (base::steady_now() < until) {
    if (row.status == SandboxState::kPaused) co_return Changed{std::move(row), {}};
    if (row.status == SandboxState::kRunning) {
      const BusySandboxes::Mark busy(services.busy, row.id);
      API_CO_TRY_ASSIGN(
          const bool is_ours,
          co_await transition(services, row.id, SandboxState::kRunning, SandboxState::kPausing));
      if (is_ours) {
        co_return co_await services.operations.measure(
            Operation::kPause, pause_now(services, std::move(row), std::move(mode)));
      }
    } else if (row.status == SandboxState::kResuming) {
      co_return std::unexpected(wrong_state(row, "it can be paused as soon as it runs; ask again"));
    } else if (row.status != SandboxState::kPausing) {
      co_return std::unexpected(wrong_state(row, "only a running one can be paused"));
    }
    API_CO_TRY_ASSIGN(row, co_await look_again(services, row.id));
  }
  co_return std::unexpected(too_slow(row, kMaxChange));
}

Task<Answer<Changed>> resume_sandbox(LifecycleServices services, Sandbox row,
                                     std::optional<db::LifecycleSettings> settings) {
  return resume_within(services, std::move(row), std::move(settings), kMaxChange);
}

Task<Answer<Changed>> wake_sandbox(LifecycleServices services, Sandbox row, Asleep asleep) {
  if (!row.auto_resume) {
    row.status = row.status == SandboxState::kRunning ? SandboxState::kPaused : row.status;
    co_return std::unexpected(
        wrong_state(row, "it does not wake by itself; POST /v1/capsules/{id}/resume resumes it"));
  }
  if (asleep == Asleep::kByItsHost) {
    const BusySandboxes::Mark busy(services.busy, row.id);
    API_CO_TRY(co_await transition(services, row.id, SandboxState::kRunning, SandboxState::kPaused,
                                   {.host_ip = ""}));
    API_CO_TRY_ASSIGN(row, db_answer(co_await services.database_pool.run([&services, &row] {
                        return services.sandboxes.get_any_team(row.id);
                      })));
  }
  const bool is_stored =
      row.status == SandboxState::kHibernating || row.status == SandboxState::kHibernated;
  const base::Duration limit = is_stored ? base::Duration(kMaxFetch) : base::Duration(kMaxWake);
  co_return co_await resume_within(services, std::move(row), std::nullopt, limit);
}

Task<Answer<Sandbox>> change_lifecycle(LifecycleServices services, Sandbox row,
                                       db::LifecycleSettings settings) {
  settings = begun_now(settings);
  const bool is_on_host = row.status == SandboxState::kRunning ||
                          row.status == SandboxState::kPausing ||
                          row.status == SandboxState::kPaused;
  // A hibernated one gets them when it is woken.
  if (!is_on_host && row.status != SandboxState::kHibernated) {
    co_return std::unexpected(wrong_state(
        row, "the time limits of a running or paused one can be changed; ask again then"));
  }
  if (is_on_host) {
    agent::SetLifecycleRequest request;
    request.set_sandbox_id(row.id);
    to_rpc(settings, *request.mutable_lifecycle());
    API_CO_TRY_ASSIGN(AgentClient* const agent,
                      agent_answer(services.directory.agent(row.host_id)));
    API_CO_TRY(agent_answer(co_await agent->set_lifecycle(request)));
  }
  co_return db_answer(
      co_await services.database_pool.run([&services, &row, &settings]() -> base::Result<Sandbox> {
        WRENN_TRY(services.sandboxes.set_lifecycle(row.id, settings));
        return services.sandboxes.get_any_team(row.id);
      }));
}

db::LifecycleSettings settings_of(const Sandbox& sandbox) {
  return {.timeout_sec = sandbox.timeout_sec,
          .max_lifetime_sec = sandbox.max_lifetime_sec,
          .end_at = sandbox.end_at,
          .on_timeout = sandbox.on_timeout};
}

db::LifecycleSettings begun_now(db::LifecycleSettings settings) {
  settings.end_at = settings.max_lifetime_sec > 0
                        ? base::unix_ms_now() + settings.max_lifetime_sec * std::int64_t{1000}
                        : 0;
  return settings;
}

void to_rpc(const db::LifecycleSettings& settings, hostagent::v1::Lifecycle& message) {
  message.set_timeout_sec(settings.timeout_sec);
  message.set_end_at_unix_ms(settings.end_at);
  message.set_on_timeout(settings.on_timeout);
}

db::SandboxChanges seen_on_host(const hostagent::v1::SandboxInfo& info) {
  db::SandboxChanges changes;
  changes.host_ip = info.host_ip();
  changes.error_message = "";
  if (info.metadata_size() > 0) {
    changes.metadata.emplace(info.metadata().begin(), info.metadata().end());
  }
  return changes;
}

std::string pause_explanation(std::string_view reason, int timeout_sec) {
  if (reason == "idle") return concat("nobody used it for ", timeout_sec, " s, its timeout");
  if (reason == "lifetime") return "its maximum lifetime was over";
  if (reason == "host_memory") return "its host was short of memory and nobody used it";
  if (reason == "vm_ended") return "its virtual machine ended; its files are kept";
  if (reason == "host_restarted") return "its host was restarted; it is as it was paused last";
  return {};
}

ApiError wrong_state(const Sandbox& sandbox, std::string_view needed) {
  std::string message = concat("sandbox ", sandbox.id, " is ", db::state_name(sandbox.status));
  if (!sandbox.error_message.empty()) message += concat(" (", sandbox.error_message, ")");
  return {ApiCode::kInvalidState, concat(message, ": ", needed)};
}

}  // namespace wrenn::control
