#include "control/api/own_account.h"

#include "base/strings.h"
#include "control/accounts/account_fields.h"
#include "control/api/account_replies.h"
#include "control/api/json_fields.h"
#include "control/api/on_pool.h"
#include "control/api/requests.h"
#include "control/services.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;

constexpr TextRule kText{.presence = Presence::kOptional, .max_bytes = 1024};
constexpr TextRule kRequired{.presence = Presence::kRequired, .max_bytes = 1024};

struct PasswordChange {
  base::Secret current;
  base::Secret chosen;
};
Answer<PasswordChange> parse_password_change(std::string_view body) {
  JsonFields fields(body);
  PasswordChange change{.current = base::Secret(fields.text("current_password", kText)),
                        .chosen = base::Secret(fields.text("new_password", kRequired))};
  const bool is_confirmed = !fields.has("confirm_password") ||
                            change.chosen.equals(fields.text("confirm_password", kText));
  if (!is_confirmed) fields.fail("'new_password' and 'confirm_password' differ");
  API_TRY(fields.status());
  return change;
}

Answer<std::string> parse_name(std::string_view body) {
  API_TRY_ASSIGN(const std::string name, parse_text(body, "name"));
  return normal_person_name(name);
}

// Teams that they own alone go with them; those with other members, or with sandboxes, stand in the
// way.
Answer<void> delete_user(AccountStores& stores, const std::string& user_id) {
  API_TRY_ASSIGN(const auto teams, db_answer(stores.teams.of_user(user_id)));
  for (const auto& own : teams) {
    if (own.role != db::Role::kOwner) continue;
    API_TRY_ASSIGN(const auto members, db_answer(stores.teams.members(own.team.id)));
    if (members.size() > 1 || own.team.id == db::kDefaultTeam) {
      return refuse(ApiCode::kOwnsTeam, concat("you own the team ", own.team.name,
                                               "; hand it over first: POST /v1/teams/{id}/owner"));
    }
  }
  for (const auto& own : teams) {
    if (own.role != db::Role::kOwner) continue;
    const auto removed = stores.teams.remove(own.team.id);
    if (!removed && removed.error().code == base::Code::kFailedPrecondition) {
      return refuse(ApiCode::kHasActiveSandboxes,
                    concat("the team ", own.team.name, " has sandboxes; destroy them first"));
    }
    API_TRY(db_answer(removed));
  }
  return db_answer(stores.users.remove(user_id));
}

}  // namespace

Task<Answer<void>> get_own_account(Services& services, Call& call) {
  struct Found {
    db::User user;
    db::OwnTeam team;
    std::vector<db::Identity> identities;
  };
  API_CO_TRY_ASSIGN(
      const Found found,
      db_answer(co_await services.database_pool.run([&]() -> base::Result<Found> {
        AccountStores& stores = services.accounts.stores();
        WRENN_TRY_ASSIGN(auto user, stores.users.get(call.caller().id));
        WRENN_TRY_ASSIGN(auto team, stores.teams.get(call.team_id()));
        WRENN_TRY_ASSIGN(auto identities, stores.identities.of_user(user.id));
        return Found{std::move(user), {std::move(team), call.caller().role}, std::move(identities)};
      })));
  co_return co_await call.send_json(200, user_json(found.user, found.team, found.identities));
}

Task<Answer<void>> rename_own_account(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const std::string name, parse_name(body));
  API_CO_TRY_ASSIGN(
      const Login login, co_await on_pool(services.database_pool, [&]() -> Answer<Login> {
        API_TRY(db_answer(services.accounts.stores().users.set_name(call.caller().id, name)));
        return services.accounts.renew(call.caller().session_id, call.caller().id, call.team_id());
      }));
  co_return co_await call.send_json(200, login_json(login));
}

Task<Answer<void>> change_own_password(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const PasswordChange change, parse_password_change(body));
  API_CO_TRY(co_await on_pool(services.account_pool, [&] {
    return services.accounts.change_password(call.caller().id, call.caller().session_id,
                                             change.current, change.chosen);
  }));
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> delete_own_account(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const std::string confirmation, parse_text(body, "confirmation"));
  if (confirmation != call.caller().email) {
    co_return refuse(ApiCode::kInvalidRequest,
                     "'confirmation' must be the address of your own account");
  }
  API_CO_TRY(co_await on_pool(services.database_pool, [&] {
    return delete_user(services.accounts.stores(), call.caller().id);
  }));
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> list_own_sessions(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const auto sessions, db_answer(co_await services.database_pool.run([&] {
                      return services.accounts.stores().sessions.list(call.caller().id);
                    })));
  co_return co_await call.send_json(200, sessions_json(sessions, call.caller().session_id));
}

Task<Answer<void>> end_own_session(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const bool ended, db_answer(co_await services.database_pool.run([&] {
                      return services.accounts.stores().sessions.end(call.caller().id,
                                                                     call.param(0));
                    })));
  if (!ended) {
    co_return refuse(ApiCode::kNotFound,
                     "you have no such session; GET /v1/me/sessions lists yours");
  }
  co_return co_await call.send_empty(204);
}

}  // namespace wrenn::control
