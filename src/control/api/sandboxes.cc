#include "control/api/sandboxes.h"

#include "base/id.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/api/replies.h"
#include "control/api/requests.h"
#include "control/hosts/agent_client.h"
#include "control/services.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::concat;
using db::SandboxState;
using net::Task;

struct Created {
  db::Sandbox sandbox;
  std::map<std::string, double> timings_ms;
};

db::Sandbox new_row(const Call& call, const CreateParams& params) {
  db::Sandbox row;
  row.id = base::new_id(base::kSandboxPrefix);
  row.team_id = call.team_id();
  row.host_id = local_host_id();
  row.template_name = params.template_name;
  row.vcpus = params.vcpus;
  row.memory_mb = params.memory_mb;
  row.disk_mb = params.disk_mb;
  row.timeout_sec = params.timeout_sec;
  return row;
}

agent::CreateSandboxRequest to_rpc(const db::Sandbox& row) {
  agent::CreateSandboxRequest request;
  request.set_sandbox_id(row.id);
  request.set_template_(row.template_name);
  request.set_vcpus(row.vcpus);
  request.set_memory_mb(row.memory_mb);
  request.set_disk_size_mb(row.disk_mb);
  request.set_timeout_sec(row.timeout_sec);
  return request;
}

// On a pool thread: the row must be there before anything is made on a host.
base::Result<void> insert_starting(db::SandboxStore& sandboxes, db::Sandbox& row) {
  WRENN_TRY_ASSIGN(row, sandboxes.insert(row));
  WRENN_TRY(sandboxes.transition(row.id, {SandboxState::kPending}, SandboxState::kStarting));
  return {};
}

Task<void> destroy_leftover(Services& services, std::string id) {
  const auto destroyed = co_await services.agent.destroy(id);
  if (!destroyed) {
    base::log_warn("a sandbox that could not be made may be left; it is removed later",
                   {{"sandbox", id}, {"error", destroyed.error()}});
  }
}

// The create failed with `error`: the row says so and the host has nothing of it.
Task<void> give_up(Services& services, std::string id, std::string reason) {
  const auto marked = co_await services.database_pool.run([&] {
    return services.sandboxes.transition(id, {SandboxState::kPending, SandboxState::kStarting},
                                         SandboxState::kError, {.error_message = reason});
  });
  if (!marked) {
    base::log_error("a failed create was not noted", {{"sandbox", id}, {"error", marked.error()}});
  }
  co_await destroy_leftover(services, id);
}

// False when the sandbox was destroyed meanwhile.
base::Result<bool> mark_running(db::SandboxStore& sandboxes, db::Sandbox& row,
                                const agent::CreateSandboxResponse& made) {
  db::SandboxChanges changes;
  changes.host_ip = made.host_ip();
  changes.metadata.emplace(made.metadata().begin(), made.metadata().end());
  WRENN_TRY_ASSIGN(const bool runs,
                   sandboxes.transition(row.id, {SandboxState::kPending, SandboxState::kStarting},
                                        SandboxState::kRunning, changes));
  if (!runs) return false;
  WRENN_TRY_ASSIGN(row, sandboxes.get(row.team_id, row.id));
  return true;
}

Task<Answer<Created>> create(Services& services, Call& call, CreateParams params) {
  const auto began = base::steady_now();
  db::Sandbox row = new_row(call, params);
  const BusySandboxes::Mark busy(services.busy, row.id);
  API_CO_TRY(db_answer(co_await services.database_pool.run(
      [&] { return insert_starting(services.sandboxes, row); })));

  auto made = co_await services.agent.create(to_rpc(row));
  if (!made) {
    // Stopped with the whole process: the next one finds the row and what came of it.
    if (made.error().code == base::Code::kCanceled)
      co_return std::unexpected(from_agent(made.error()));
    ApiError error = from_agent(made.error());
    co_await give_up(services, row.id, made.error().to_string());
    co_return std::unexpected(std::move(error));
  }
  auto running = co_await services.database_pool.run(
      [&] { return mark_running(services.sandboxes, row, *made); });
  if (!running) {
    co_await give_up(services, row.id, "the database failed while it was created");
    co_return std::unexpected(from_db(running.error()));
  }
  if (!*running) {
    co_await destroy_leftover(services, row.id);
    co_return refuse(ApiCode::kConflict, concat("sandbox ", row.id,
                                                " was destroyed while it was created; "
                                                "create another one"));
  }
  Created created{.sandbox = std::move(row)};
  created.timings_ms.insert(made->timings_ms().begin(), made->timings_ms().end());
  created.timings_ms["api_total"] =
      std::chrono::duration<double, std::milli>(base::steady_now() - began).count();
  co_return created;
}

// On a pool thread: all pages in one.
base::Result<std::vector<db::Sandbox>> list_all(db::SandboxStore& sandboxes,
                                                const std::string& team_id) {
  db::SandboxPage page{.limit = 1000};
  std::vector<db::Sandbox> all;
  while (true) {
    WRENN_TRY_ASSIGN(auto some, sandboxes.list(team_id, page));
    const bool is_last = some.size() < static_cast<std::size_t>(page.limit);
    std::ranges::move(some, std::back_inserter(all));
    if (is_last) return all;
    page.before_created_at = all.back().created_at;
    page.before_id = all.back().id;
  }
}

// Every state but stopped may become stopped.
std::vector<SandboxState> states_to_stop() {
  std::vector<SandboxState> states;
  for (const SandboxState state : db::kAllSandboxStates) {
    if (db::may_change(state, SandboxState::kStopped)) states.push_back(state);
  }
  return states;
}

}  // namespace

Task<Answer<void>> create_sandbox(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(CreateParams params, parse_create(body));
  API_CO_TRY_ASSIGN(const Created created, co_await create(services, call, std::move(params)));
  base::log_info("sandbox created",
                 {{"sandbox", created.sandbox.id}, {"request", call.request_id()}});
  co_return co_await call.send_json(201, sandbox_json(created.sandbox, created.timings_ms));
}

Task<Answer<void>> list_sandboxes(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const auto all, db_answer(co_await services.database_pool.run([&] {
                      return list_all(services.sandboxes, call.team_id());
                    })));
  co_return co_await call.send_json(200, sandboxes_json(all));
}

Task<Answer<void>> get_sandbox(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const db::Sandbox sandbox, co_await find_sandbox(services, call));
  co_return co_await call.send_json(200, sandbox_json(sandbox));
}

Task<Answer<void>> destroy_sandbox(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const db::Sandbox sandbox, co_await find_sandbox(services, call));
  if (sandbox.status == SandboxState::kStopped) co_return co_await call.send_empty(204);
  const BusySandboxes::Mark busy(services.busy, sandbox.id);
  // A failed create was cleaned up when it failed, or is by the reconciler.
  if (sandbox.status != SandboxState::kError) {
    API_CO_TRY(agent_answer(co_await services.agent.destroy(sandbox.id)));
  }
  API_CO_TRY(db_answer(co_await services.database_pool.run([&] {
    return services.sandboxes.transition(sandbox.id, states_to_stop(), SandboxState::kStopped);
  })));
  services.forget_place(sandbox.id);
  base::log_info("sandbox destroyed", {{"sandbox", sandbox.id}, {"request", call.request_id()}});
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> ping_sandbox(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const db::Sandbox sandbox, co_await find_running(services, call));
  API_CO_TRY(agent_answer(co_await services.agent.ping(sandbox.id)));
  API_CO_TRY(db_answer(co_await services.database_pool.run(
      [&] { return services.sandboxes.touch_active(sandbox.id); })));
  co_return co_await call.send_empty(204);
}

}  // namespace wrenn::control
