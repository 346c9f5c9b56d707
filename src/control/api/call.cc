#include "control/api/call.h"

#include <algorithm>

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

// What they may is looked up each time.
Task<Answer<db::SessionUser>> find_user(Services& services, std::string session_id,
                                        std::string user_id, std::string team_id) {
  API_CO_TRY_ASSIGN(auto user, db_answer(co_await services.database_pool.run([&] {
                      return services.accounts.stores().sessions.find_user(session_id, team_id);
                    })));
  if (!user || user->user_id != user_id) {
    co_return refuse(ApiCode::kUnauthorized, "the session has ended; log in again");
  }
  if (!user->is_enabled) {
    co_return refuse(ApiCode::kAccountDisabled, "the account was disabled by an administrator");
  }
  if (!user->role) {
    co_return refuse(ApiCode::kForbidden,
                     "you are not a member of this team any more; POST /v1/auth/refresh gets a "
                     "token for another one");
  }
  co_return *std::move(user);
}

// The token says whose it is.
Task<Answer<Caller>> user_of(Services& services, base::Secret token) {
  const auto verified = co_await services.database_pool.run(
      [&] { return services.access_tokens.verify(token.reveal()); });
  if (!verified && verified.error().code == base::Code::kUnauthenticated) {
    co_return refuse(ApiCode::kUnauthorized,
                     concat(verified.error().message, "; POST /v1/auth/refresh gets a new one"));
  }
  API_CO_TRY_ASSIGN(const AccessClaims claims, db_answer(verified));
  API_CO_TRY_ASSIGN(db::SessionUser user, co_await find_user(services, claims.session_id,
                                                             claims.user_id, claims.team_id));
  co_return Caller{.kind = Caller::Kind::kUser,
                   .team_id = claims.team_id,
                   .id = std::move(user.user_id),
                   .name = std::move(user.name),
                   .scopes = {},
                   .email = std::move(user.email),
                   .session_id = claims.session_id,
                   .role = *user.role,
                   .is_admin = user.is_admin};
}

Task<Answer<OnHost>> wake(Services& services, db::Sandbox sandbox, Asleep asleep) {
  API_CO_TRY_ASSIGN(Changed woken,
                    co_await wake_sandbox(services.lifecycle(), std::move(sandbox), asleep));
  services.forget_place(woken.sandbox.id);
  // Not of those who only waited for it.
  if (!woken.timings_ms.empty()) {
    services.audit.add_own(woken.sandbox.team_id, "capsule.running", "capsule", woken.sandbox.id,
                           "it was used");
  }
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

void Call::note_labels(const db::LabelChanges& changes) {
  for (const auto& [name, value] : changes) note(concat("label ", name), value.value_or(""));
}

net::Headers Call::headers(std::string_view content_type, const net::Headers& extra) const {
  net::Headers headers;
  if (!content_type.empty()) headers.add("Content-Type", content_type);
  headers.add("X-Request-Id", request_id_);
  headers.add("Cache-Control", "no-store");
  headers.add("X-Content-Type-Options", "nosniff");
  headers.add("X-Frame-Options", "DENY");
  headers.add("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  headers.add("Referrer-Policy", "no-referrer");
  for (std::size_t i = 0; i < extra.size(); ++i) headers.set(extra[i].name, extra[i].value);
  return headers;
}

Task<Answer<void>> Call::send_json(int status, std::string json, net::Headers extra) {
  co_return client_answer(
      co_await response_.send(status, headers("application/json", extra), json));
}

Task<Answer<void>> Call::send_empty(int status) {
  co_return client_answer(co_await response_.send(status, headers(""), ""));
}

Task<Answer<void>> Call::send_error(ApiError error, net::Headers extra) {
  const std::string body = error_body(error);
  if (error.retry_after_sec > 0) extra.set("Retry-After", std::to_string(error.retry_after_sec));
  co_return client_answer(
      co_await response_.send(http_status(error.code), headers("application/json", extra), body));
}

Task<Answer<void>> until_client_leaves(Call& call, Task<Answer<void>> task) {
  Answer<void> answer;
  const auto ended = co_await net::stop_on_disconnect(call.request().stream(),
                                                      store_answer(std::move(task), answer));
  if (!ended) co_return std::unexpected(from_client(ended.error()));
  co_return answer;
}

Task<Answer<void>> admit(Services& services, Call& call, base::Secret credential) {
  if (looks_like_access_token(credential.reveal())) {
    API_CO_TRY_ASSIGN(Caller user, co_await user_of(services, std::move(credential)));
    call.set_caller(std::move(user));
    co_return {};
  }
  auto owner = co_await services.database_pool.run(
      [&] { return services.keys.verify(credential.reveal()); });
  if (!owner && owner.error().code == base::Code::kUnauthenticated) {
    co_return std::unexpected(invalid_key());
  }
  API_CO_TRY_ASSIGN(db::KeyOwner known, db_answer(std::move(owner)));
  const std::string_view scope = scope_of(call.request().method(), call.request().path());
  if (!known.scopes.empty() && std::ranges::find(known.scopes, scope) == known.scopes.end()) {
    co_return refuse(ApiCode::kForbidden,
                     concat("this API key is good for ", base::join(known.scopes, ", "),
                            " only, and this needs ", scope));
  }
  call.set_caller({.kind = Caller::Kind::kApiKey,
                   .team_id = std::move(known.team_id),
                   .id = std::move(known.key_id),
                   .name = std::move(known.name),
                   .scopes = std::move(known.scopes),
                   .email = {},
                   .session_id = {}});
  co_return {};
}

Task<Answer<void>> check_still_admitted(Services& services, const Call& call,
                                        const base::Secret& credential) {
  const Caller& caller = call.caller();
  if (caller.kind == Caller::Kind::kUser) {
    API_CO_TRY(co_await find_user(services, caller.session_id, caller.id, caller.team_id));
    co_return {};
  }
  const auto owner = co_await services.database_pool.run(
      [&] { return services.keys.verify(credential.reveal()); });
  if (!owner && owner.error().code == base::Code::kUnauthenticated) {
    co_return std::unexpected(invalid_key());
  }
  API_CO_TRY(db_answer(owner));
  co_return {};
}

namespace {

using Lookup = base::Result<db::Sandbox> (*)(Services& services, const Call& call,
                                             const std::string& id);

Task<Answer<db::Sandbox>> find_by(Services& services, Call& call, Lookup look_up) {
  const std::string& id = call.param(0);
  if (!base::is_id(base::kSandboxPrefix, id)) {
    co_return refuse(ApiCode::kInvalidRequest,
                     concat("not the id of a sandbox: one is '", base::kSandboxPrefix,
                            "' and 25 of 0-9 and a-z; GET /v1/capsules lists yours"));
  }
  auto sandbox = co_await services.database_pool.run([&] { return look_up(services, call, id); });
  if (!sandbox && sandbox.error().code == base::Code::kNotFound) {
    co_return refuse(ApiCode::kNotFound,
                     concat("there is no sandbox ", id, "; GET /v1/capsules lists yours"));
  }
  co_return db_answer(std::move(sandbox));
}

}  // namespace

Task<Answer<db::Sandbox>> find_sandbox(Services& services, Call& call) {
  return find_by(services, call, [](Services& all, const Call& one, const std::string& id) {
    return all.sandboxes.get(one.team_id(), id);
  });
}

Task<Answer<db::Sandbox>> find_sandbox_of_any_team(Services& services, Call& call) {
  return find_by(services, call, [](Services& all, const Call&, const std::string& id) {
    return all.sandboxes.get_any_team(id);
  });
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
