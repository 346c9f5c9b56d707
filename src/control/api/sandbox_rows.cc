#include "control/api/sandbox_rows.h"

#include "base/log.h"
#include "control/lifecycle.h"
#include "control/scheduler/placement.h"
#include "control/services.h"
#include "proto/agent.pb.h"

namespace wrenn::control {

using db::SandboxState;
using net::Task;

void apply(const LifecycleParams& params, db::LifecycleSettings& settings) {
  if (params.timeout_sec) settings.timeout_sec = *params.timeout_sec;
  if (params.max_lifetime_sec) settings.max_lifetime_sec = *params.max_lifetime_sec;
  if (params.on_timeout) settings.on_timeout = *params.on_timeout;
}

void set_lifecycle(db::LifecycleSettings settings, db::Sandbox& row) {
  settings = begun_now(settings);
  row.timeout_sec = settings.timeout_sec;
  row.max_lifetime_sec = settings.max_lifetime_sec;
  row.end_at = settings.end_at;
  row.on_timeout = settings.on_timeout;
}

Task<void> give_up(Services& services, std::string id, std::optional<std::string> host_id,
                   std::string reason) {
  const auto marked = co_await services.database_pool.run([&] {
    return services.sandboxes.transition(id, {SandboxState::kPending, SandboxState::kStarting},
                                         SandboxState::kError, {.error_message = reason});
  });
  if (!marked) {
    base::log_error("a failed create was not noted", {{"sandbox", id}, {"error", marked.error()}});
  }
  if (const auto agent = services.directory.agent(host_id)) {
    co_await destroy_leftover(**agent, std::move(id));
  }
}

base::Result<bool> mark_running(db::SandboxStore& sandboxes, db::Sandbox& row,
                                const agent::SandboxInfo& made) {
  const db::SandboxChanges changes = seen_on_host(made);
  WRENN_TRY_ASSIGN(const bool runs,
                   sandboxes.transition(row.id, {SandboxState::kPending, SandboxState::kStarting},
                                        SandboxState::kRunning, changes));
  if (!runs) return false;
  WRENN_TRY_ASSIGN(row, sandboxes.get(row.team_id, row.id));
  return true;
}

}  // namespace wrenn::control
