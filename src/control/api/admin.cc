#include "control/api/admin.h"

#include "base/strings.h"
#include "control/api/account_replies.h"
#include "control/api/json_fields.h"
#include "control/api/listing.h"
#include "control/api/on_pool.h"
#include "control/api/replies.h"
#include "control/api/requests.h"
#include "control/api/teams.h"
#include "control/creation.h"
#include "control/services.h"

namespace wrenn::control {
namespace {

using net::Task;

constexpr int kPage = 100;

Answer<bool> parse_boolean(std::string_view body, std::string_view name) {
  JsonFields fields(body);
  const bool value = fields.required_boolean(name);
  API_TRY(fields.status());
  return value;
}

net::Headers next_page_of(Call& call, std::size_t count, std::string_view last) {
  return next_page(call.request().path(), call.request().query(), kPage, count, last);
}

}  // namespace

Task<Answer<void>> list_users(Services& services, Call& call) {
  const std::string after = query_parameter(call.request().query(), "cursor");
  API_CO_TRY_ASSIGN(const auto users, db_answer(co_await services.database_pool.run([&] {
                      return services.accounts.stores().users.list(after, kPage);
                    })));
  co_return co_await call.send_json(
      200, users_json(users),
      next_page_of(call, users.size(), users.empty() ? "" : users.back().id));
}

Task<Answer<void>> set_user_active(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const bool active, parse_boolean(body, "active"));
  call.note("active", active ? "true" : "false");
  if (call.param(0) == call.caller().id) {
    co_return refuse(ApiCode::kInvalidRequest, "you cannot disable yourself");
  }
  API_CO_TRY_ASSIGN(const bool changed,
                    db_answer(co_await services.database_pool.run([&]() -> base::Result<bool> {
                      AccountStores& stores = services.accounts.stores();
                      WRENN_TRY_ASSIGN(const bool done,
                                       stores.users.set_enabled(call.param(0), active));
                      if (done && !active) WRENN_TRY(stores.sessions.end_all(call.param(0), ""));
                      return done;
                    })));
  if (!changed) {
    co_return refuse(ApiCode::kNotFound,
                     "there is no such user who is active or disabled; "
                     "GET /v1/admin/users lists all");
  }
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> list_all_teams(Services& services, Call& call) {
  const std::string after = query_parameter(call.request().query(), "cursor");
  API_CO_TRY_ASSIGN(const auto teams, db_answer(co_await services.database_pool.run([&] {
                      return services.accounts.stores().teams.list_all(after, kPage);
                    })));
  co_return co_await call.send_json(
      200, all_teams_json(teams),
      next_page_of(call, teams.size(), teams.empty() ? "" : teams.back().team.id));
}

Task<Answer<void>> delete_any_team(Services& services, Call& call) {
  API_CO_TRY(co_await remove_team(services, call.param(0)));
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> set_team_byoc(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const bool enabled, parse_boolean(body, "enabled"));
  call.note("enabled", enabled ? "true" : "false");
  API_CO_TRY_ASSIGN(const bool changed, db_answer(co_await services.database_pool.run([&] {
                      return services.accounts.stores().teams.set_byoc(call.param(0), enabled);
                    })));
  if (!changed) co_return refuse(ApiCode::kNotFound, "there is no such team");
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> list_all_sandboxes(Services& services, Call& call) {
  const std::string_view text = call.request().query();
  API_CO_TRY_ASSIGN(const db::SandboxQuery query, parse_listing(text));
  const std::string team_id = query_parameter(text, "team_id");
  API_CO_TRY_ASSIGN(const auto page, db_answer(co_await services.database_pool.run([&] {
                      return team_id.empty() ? services.sandboxes.list_any_team(query)
                                             : services.sandboxes.list(team_id, query);
                    })));
  co_return co_await call.send_json(200, sandboxes_of_teams_json(page),
                                    next_sandboxes(call.request().path(), text, query, page));
}

Task<Answer<void>> destroy_any_sandbox(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const db::Sandbox sandbox, co_await find_sandbox_of_any_team(services, call));
  call.note("team_id", sandbox.team_id);
  API_CO_TRY(co_await destroy_sandbox(services, sandbox));
  co_return co_await call.send_empty(204);
}

}  // namespace wrenn::control
