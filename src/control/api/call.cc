#include "control/api/call.h"

#include "base/id.h"
#include "base/strings.h"
#include "control/api/auth.h"
#include "control/hosts/agent_client.h"
#include "control/services.h"

namespace wrenn::control {

using base::concat;
using net::Task;

namespace {

Task<base::Result<void>> store_answer(Task<Answer<void>> task, Answer<void>& answer) {
  answer = co_await std::move(task);
  co_return {};
}

Answer<OnHost> on_host(Services& services, db::Sandbox sandbox) {
  API_TRY_ASSIGN(AgentClient* const agent, agent_answer(services.directory.agent(sandbox.host_id)));
  return OnHost{std::move(sandbox), agent};
}

Task<Answer<OnHost>> wake(Services& services, db::Sandbox sandbox, Asleep asleep) {
  API_CO_TRY_ASSIGN(Changed woken,
                    co_await wake_sandbox(services.lifecycle(), std::move(sandbox), asleep));
  services.forget_place(woken.sandbox.id);
  co_return on_host(services, std::move(woken.sandbox));
}

}  // namespace

Task<Answer<std::string>> Call::read_body(std::size_t limit) {
  if (body_) co_return *body_;
  const ApiError too_large{ApiCode::kTooLarge,
                           concat("the body must not be larger than ", base::human_bytes(limit))};
  if (request_.content_length().value_or(0) > limit) co_return std::unexpected(too_large);
  auto body = co_await net::read_all(request_.body(), limit);
  if (body) body_ = *body;
  if (body) co_return std::move(*body);
  if (body.error().code == base::Code::kResourceExhausted) co_return std::unexpected(too_large);
  co_return std::unexpected(from_client(body.error()));
}

net::Headers Call::headers(std::string_view content_type) const {
  net::Headers headers;
  if (!content_type.empty()) headers.add("Content-Type", content_type);
  headers.add("X-Request-Id", request_id_);
  headers.add("Cache-Control", "no-store");
  headers.add("X-Content-Type-Options", "nosniff");
  headers.add("X-Frame-Options", "DENY");
  headers.add("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  headers.add("Referrer-Policy", "no-referrer");
  return headers;
}

Task<Answer<void>> Call::send_json(int status, std::string json) {
  co_return client_answer(co_await response_.send(status, headers("application/json"), json));
}

Task<Answer<void>> Call::send_empty(int status) {
  co_return client_answer(co_await response_.send(status, headers(""), ""));
}

Task<Answer<void>> Call::send_error(ApiError error, net::Headers extra) {
  net::Headers all = headers("application/json");
  for (std::size_t i = 0; i < extra.size(); ++i) all.set(extra[i].name, extra[i].value);
  const std::string body = error_body(error);
  co_return client_answer(co_await response_.send(http_status(error.code), std::move(all), body));
}

Task<Answer<void>> until_client_leaves(Call& call, Task<Answer<void>> task) {
  Answer<void> answer;
  const auto ended = co_await net::stop_on_disconnect(call.request().stream(),
                                                      store_answer(std::move(task), answer));
  if (!ended) co_return std::unexpected(from_client(ended.error()));
  co_return answer;
}

Task<Answer<void>> admit(Services& services, Call& call, base::Secret key) {
  auto owner =
      co_await services.database_pool.run([&] { return services.keys.verify(key.reveal()); });
  if (!owner && owner.error().code == base::Code::kUnauthenticated) {
    co_return std::unexpected(invalid_key());
  }
  API_CO_TRY_ASSIGN(db::KeyOwner known, db_answer(std::move(owner)));
  call.set_team(std::move(known.team_id));
  co_return {};
}

Task<Answer<db::Sandbox>> find_sandbox(Services& services, Call& call) {
  const std::string& id = call.param(0);
  if (!base::is_id(base::kSandboxPrefix, id)) {
    co_return refuse(ApiCode::kInvalidRequest,
                     concat("not the id of a sandbox: one is '", base::kSandboxPrefix,
                            "' and 25 of 0-9 and a-z; GET /v1/capsules lists yours"));
  }
  auto sandbox = co_await services.database_pool.run(
      [&] { return services.sandboxes.get(call.team_id(), id); });
  if (!sandbox && sandbox.error().code == base::Code::kNotFound) {
    co_return refuse(ApiCode::kNotFound,
                     concat("there is no sandbox ", id, "; GET /v1/capsules lists yours"));
  }
  co_return db_answer(std::move(sandbox));
}

Task<Answer<OnHost>> find_running(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(db::Sandbox sandbox, co_await find_sandbox(services, call));
  if (sandbox.status == db::SandboxState::kRunning) {
    co_return on_host(services, std::move(sandbox));
  }
  if (is_asleep(sandbox.status)) {
    co_return co_await wake(services, std::move(sandbox), Asleep::kBySomeRow);
  }
  co_return std::unexpected(
      wrong_state(sandbox, "this needs a running one; POST /v1/capsules makes a new one"));
}

Task<Answer<OnHost>> find_awake(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(OnHost found, co_await find_running(services, call));
  const auto pinged = agent_answer(co_await found.agent->ping(found.sandbox.id));
  if (pinged) co_return found;
  if (pinged.error().code != ApiCode::kAsleep) co_return std::unexpected(pinged.error());
  co_return co_await wake(services, std::move(found.sandbox), Asleep::kByItsHost);
}

Task<Answer<void>> wake_again(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(db::Sandbox sandbox, co_await find_sandbox(services, call));
  API_CO_TRY(co_await wake(services, std::move(sandbox), Asleep::kByItsHost));
  co_return {};
}

}  // namespace wrenn::control
