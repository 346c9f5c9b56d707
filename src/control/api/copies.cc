#include "control/api/copies.h"

#include "base/crypto.h"
#include "base/id.h"
#include "base/log.h"
#include "base/strings.h"
#include "control/api/on_pool.h"
#include "control/api/quotas.h"
#include "control/api/replies.h"
#include "control/api/requests.h"
#include "control/api/sandbox_rows.h"
#include "control/scheduler/placement.h"
#include "control/services.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using db::SandboxState;
using net::Task;

std::vector<Fork> new_forks(const db::Sandbox& source, const ForkParams& params) {
  db::LifecycleSettings settings = settings_of(source);
  apply(params.lifecycle, settings);
  std::vector<Fork> forks;
  for (int i = 0; i < params.count; ++i) {
    db::Sandbox row;
    row.id = base::new_id(base::kSandboxPrefix);
    row.team_id = source.team_id;
    row.host_id = source.host_id;
    row.template_name = source.template_name;
    row.source.sandbox_id = source.id;
    row.vcpus = source.vcpus;
    row.memory_mb = source.memory_mb;
    row.disk_mb = source.disk_mb;
    row.auto_resume = source.auto_resume;
    row.labels = source.labels;
    row.host_labels = source.host_labels;
    row.network = source.network;
    for (const auto& [name, value] : params.labels) {
      if (value) {
        row.labels[name] = *value;
      } else {
        row.labels.erase(name);
      }
    }
    set_lifecycle(settings, row);
    forks.push_back({std::move(row), std::nullopt});
  }
  return forks;
}

agent::ForkSandboxRequest to_fork(const std::string& source_id, const std::vector<Fork>& forks) {
  agent::ForkSandboxRequest request;
  request.set_sandbox_id(source_id);
  for (const auto& fork : forks) request.add_fork_ids(fork.sandbox.id);
  to_rpc(settings_of(forks.front().sandbox), *request.mutable_lifecycle());
  return request;
}

// What became of one of them.
Task<void> settle(Services& services, Fork& fork, const agent::ForkResult& result) {
  if (!result.error_code().empty()) {
    const base::Error error(base::code_from_name(result.error_code()), result.error());
    fork.error = from_agent(error);
    base::log_warn("a fork was not made",
                   {{"sandbox", fork.sandbox.id}, {"error", for_log(*fork.error)}});
    co_await give_up(services, fork.sandbox.id, fork.sandbox.host_id, fork.error->message);
    fork.sandbox.status = SandboxState::kError;
    co_return;
  }
  const auto runs = co_await services.database_pool.run(
      [&] { return mark_running(services.sandboxes, fork.sandbox, result.sandbox()); });
  if (runs && *runs) co_return;
  fork.error = runs ? ApiError{ApiCode::kConflict, "it was destroyed while it was made"}
                    : from_db(runs.error());
  co_await give_up(services, fork.sandbox.id, fork.sandbox.host_id, fork.error->message);
}

// On the host of the source, all of them or none.
Task<Answer<void>> insert_forks(Services& services, std::vector<Fork>& forks) {
  std::vector<db::Sandbox> rows;
  Demand demand{.only_on = forks.front().sandbox.host_id};
  for (const Fork& fork : forks) {
    rows.push_back(fork.sandbox);
    demand.amounts += db::size_of(fork.sandbox);
  }
  auto placed = co_await on_pool(services.database_pool,
                                 [&] { return place_new(services.lifecycle(), demand, rows); });
  if (!placed) {
    co_return std::unexpected(co_await with_wait(
        services, rows.front().team_id, static_cast<int>(rows.size()), std::move(placed).error()));
  }
  for (std::size_t i = 0; i < forks.size(); ++i) forks[i].sandbox = std::move(rows[i]);
  co_return {};
}

// They are made where the source is.
Task<Answer<Timings>> make_forks(Services& services, db::Sandbox source, std::vector<Fork>& forks) {
  API_CO_TRY_ASSIGN(AgentClient* const agent,
                    agent_answer(services.directory.agent(source.host_id)));
  API_CO_TRY(co_await insert_forks(services, forks));
  const auto made = co_await agent->fork(to_fork(source.id, forks));
  if (!made) {
    // Stopped with the whole process: the next one finds the rows and what came of them.
    if (made.error().code == base::Code::kCanceled) {
      co_return std::unexpected(from_agent(made.error()));
    }
    for (auto& fork : forks) {
      co_await give_up(services, fork.sandbox.id, fork.sandbox.host_id,
                       from_agent(made.error()).message);
    }
    co_return std::unexpected(from_agent(made.error()));
  }
  for (std::size_t i = 0; i < forks.size(); ++i) {
    agent::ForkResult result;
    if (i < static_cast<std::size_t>(made->forks_size())) {
      result = made->forks(static_cast<int>(i));
    } else {
      result.set_error_code("internal");
      result.set_error("the host did not say what became of it");
    }
    co_await settle(services, forks[i], result);
  }
  co_return Timings(made->timings_ms().begin(), made->timings_ms().end());
}

// Of those that were made.
std::string ids_of(const std::vector<Fork>& forks) {
  std::vector<std::string> ids;
  for (const Fork& fork : forks) {
    if (!fork.error) ids.push_back(fork.sandbox.id);
  }
  return base::join(ids, ",");
}

// When none could be made that is the answer.
Task<Answer<Timings>> make_some_forks(Services& services, const db::Sandbox& source,
                                      std::vector<Fork>& forks) {
  API_CO_TRY_ASSIGN(Timings timings, co_await make_forks(services, source, forks));
  const bool all_failed =
      std::ranges::all_of(forks, [](const Fork& fork) { return fork.error.has_value(); });
  if (all_failed) co_return std::unexpected(*forks.front().error);
  co_return timings;
}

}  // namespace

Answer<void> check_can_be_copied(const db::Sandbox& sandbox) {
  if (sandbox.status == SandboxState::kRunning || sandbox.status == SandboxState::kPaused) {
    return {};
  }
  if (sandbox.status == SandboxState::kHibernated) {
    return std::unexpected(wrong_state(sandbox, "resume it first; then it can be copied"));
  }
  return std::unexpected(wrong_state(sandbox, is_asleep(sandbox.status)
                                                  ? "it can be copied in a moment; ask again"
                                                  : "only a running or paused one can be copied"));
}

Task<Answer<void>> fork_sandbox(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const ForkParams params, parse_fork(body));
  API_CO_TRY_ASSIGN(const db::Sandbox source, co_await find_sandbox(services, call));
  API_CO_TRY(check_can_be_copied(source));
  std::vector<Fork> forks = new_forks(source, params);
  std::deque<BusySandboxes::Mark> busy;
  for (const auto& fork : forks) busy.emplace_back(services.busy, fork.sandbox.id);
  API_CO_TRY_ASSIGN(const Timings timings,
                    co_await services.operations.measure(Operation::kFork,
                                                         make_some_forks(services, source, forks)));
  call.note("forks", ids_of(forks));
  co_return co_await call.send_json(201, forks_json(forks, timings));
}

}  // namespace wrenn::control
