#include "control/creation.h"

#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/api/network_policy.h"
#include "control/api/on_pool.h"
#include "control/api/quotas.h"
#include "control/api/requests.h"
#include "control/api/sandbox_rows.h"
#include "control/hibernation.h"
#include "control/scheduler/placement.h"
#include "control/services.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::concat;
using db::SandboxState;
using net::Task;

agent::CreateSandboxRequest to_create(const db::Sandbox& row, const Origin& origin) {
  agent::CreateSandboxRequest request;
  request.set_sandbox_id(row.id);
  request.set_template_(origin.name_on_host);
  request.set_vcpus(row.vcpus);
  request.set_memory_mb(row.memory_mb);
  request.set_disk_size_mb(row.disk_mb);
  to_rpc(settings_of(row), *request.mutable_lifecycle());
  to_rpc(row.network, *request.mutable_network());
  return request;
}

Demand demand_of(const db::Sandbox& row, const Origin& origin) {
  const db::Amounts size = db::size_of(row);
  return {.amounts = size,
          .team_id = row.team_id,
          .recipe = recipe_of(origin.name_on_host, size),
          .labels = row.host_labels,
          .only_on = origin.host_id};
}

// What restricts a sandbox holds before it runs, or there is none.
Task<base::Result<agent::CreateSandboxResponse>> create_restricted(
    AgentClient& agent, const agent::CreateSandboxRequest& request, bool is_restricted) {
  auto made = co_await agent.create(request);
  if (made && is_restricted && !made->sandbox().has_network()) {
    co_return base::fail(base::Code::kUnavailable,
                         "the host's agent is of an older version, which restricts no networks",
                         "upgrade it, or leave out `network`");
  }
  co_return made;
}

// On the first of the hosts that can; the row is that host's before it is asked, so that whatever
// becomes of this process, each host knows which sandboxes are its own.
Task<base::Result<agent::CreateSandboxResponse>> create_on_one(Services& services, db::Sandbox& row,
                                                               agent::CreateSandboxRequest request,
                                                               Placed placed) {
  while (true) {
    auto agent = services.directory.agent(row.host_id);
    if (!agent) co_return base::fail(std::move(agent).error());
    auto made = co_await create_restricted(**agent, request, row.network != db::NetworkPolicy());
    if (made || !may_do_elsewhere(made.error()) || placed.others.empty()) co_return made;
    // Nothing of it is to be left there.
    co_await destroy_leftover(**agent, row.id);
    WRENN_CO_TRY_ASSIGN(auto next,
                        co_await place_elsewhere(services.lifecycle(), row, SandboxState::kStarting,
                                                 std::move(placed.others)));
    if (!next) co_return made;
    base::log_info("the next host is asked for a sandbox",
                   {{"sandbox", row.id}, {"host", next->host_id}, {"error", made.error()}});
    placed = *std::move(next);
    row.host_id = placed.host_id;
  }
}

Task<Answer<void>> destroy_on_host(AgentClient& agent, std::string id) {
  co_return agent_answer(co_await agent.destroy(std::move(id)));
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

Task<Answer<Changed>> create_from(Services& services, db::Sandbox row, Origin origin) {
  const auto began = base::steady_now();
  if (origin.host_id) {
    API_CO_TRY(agent_answer(co_await check_not_drained(services.lifecycle(), *origin.host_id)));
  }
  const BusySandboxes::Mark busy(services.busy, row.id);
  auto placed = co_await on_pool(services.database_pool, [&] {
    return place_new(services.lifecycle(), demand_of(row, origin), {&row, 1});
  });
  if (!placed) {
    co_return std::unexpected(
        co_await with_wait(services, row.team_id, 1, std::move(placed).error()));
  }

  const auto made =
      co_await create_on_one(services, row, to_create(row, origin), *std::move(placed));
  if (!made) {
    // Stopped with the whole process: the next one finds the row and what came of it.
    if (made.error().code == base::Code::kCanceled)
      co_return std::unexpected(from_agent(made.error()));
    ApiError error = from_agent(made.error());
    co_await give_up(services, row.id, row.host_id, error.message);
    co_return std::unexpected(std::move(error));
  }
  auto running = co_await services.database_pool.run(
      [&] { return mark_running(services.sandboxes, row, made->sandbox()); });
  if (!running) {
    co_await give_up(services, row.id, row.host_id, "the database failed while it was created");
    co_return std::unexpected(from_db(running.error()));
  }
  if (!*running) {
    if (const auto agent = services.directory.agent(row.host_id)) {
      co_await destroy_leftover(**agent, row.id);
    }
    co_return refuse(ApiCode::kConflict, concat("sandbox ", row.id,
                                                " was destroyed while it was created; "
                                                "create another one"));
  }
  Changed created{.sandbox = std::move(row), .timings_ms = {}};
  created.timings_ms.insert(made->timings_ms().begin(), made->timings_ms().end());
  created.timings_ms["api_total"] =
      std::chrono::duration<double, std::milli>(base::steady_now() - began).count();
  co_return created;
}

Task<Answer<void>> destroy_sandbox(Services& services, db::Sandbox sandbox) {
  if (sandbox.status == SandboxState::kStopped) co_return {};
  const BusySandboxes::Mark busy(services.busy, sandbox.id);
  // A failed create was cleaned up when it failed, or is by the reconciler; a hibernated one is on
  // no host.
  if (sandbox.status != SandboxState::kError && sandbox.status != SandboxState::kHibernated) {
    API_CO_TRY_ASSIGN(AgentClient* const agent,
                      agent_answer(services.directory.agent(sandbox.host_id)));
    API_CO_TRY(co_await services.operations.measure(Operation::kDestroy,
                                                    destroy_on_host(*agent, sandbox.id)));
  }
  API_CO_TRY(db_answer(co_await services.database_pool.run([&] {
    return services.sandboxes.transition(sandbox.id, states_to_stop(), SandboxState::kStopped);
  })));
  services.forget_place(sandbox.id);
  if (sandbox.archive != db::Archive::kNone) {
    // What cannot be removed now is tried again by the reconciler.
    const auto removed = co_await remove_stale_archive(services.lifecycle(), sandbox.id);
    if (!removed) {
      base::log_warn("an archive could not be removed yet",
                     {{"sandbox", sandbox.id}, {"error", removed.error().message}});
    }
  }
  base::log_info("sandbox destroyed",
                 {{"sandbox", sandbox.id}, {"request", co_await net::current_request_id()}});
  co_return {};
}

}  // namespace wrenn::control
