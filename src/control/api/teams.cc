#include "control/api/teams.h"

#include "base/id.h"
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
using db::Role;
using net::Task;

constexpr TextRule kText{.presence = Presence::kOptional, .max_bytes = 1024};
constexpr TextRule kRequired{.presence = Presence::kRequired, .max_bytes = 1024};

// Of the team in the path, the caller is at least `needed`.
Answer<void> check_role(const Call& call, Role needed) {
  if (!base::is_id(base::kTeamPrefix, call.param(0))) {
    return refuse(ApiCode::kInvalidRequest, "not the id of a team; GET /v1/teams lists yours");
  }
  if (call.param(0) != call.team_id()) {
    return refuse(ApiCode::kForbidden,
                  "you work in another team at the moment; POST /v1/auth/switch-team changes that");
  }
  if (call.caller().role >= needed) return {};
  return refuse(ApiCode::kForbidden,
                concat("this is for the ", needed == Role::kOwner ? "owner" : "owner and admins",
                       " of the team; you are ", db::role_name(call.caller().role)));
}

Answer<std::string> parse_team_name(std::string_view body) {
  API_TRY_ASSIGN(const std::string name, parse_text(body, "name"));
  return normal_team_name(name);
}

// Nobody becomes an owner but by being handed the team over.
Answer<Role> parse_role(std::string_view name) {
  if (name.empty()) return Role::kMember;
  const auto role = db::role_from_name(name);
  if (role && *role != Role::kOwner) return *role;
  return refuse(ApiCode::kInvalidRequest, "'role' must be admin or member");
}

struct NewMember {
  std::string email;
  Role role = Role::kMember;
};
Answer<NewMember> parse_new_member(std::string_view body) {
  JsonFields fields(body);
  const std::string email = fields.text("email", kRequired);
  const std::string role = fields.text("role", kText);
  API_TRY(fields.status());
  NewMember member;
  API_TRY_ASSIGN(member.email, normal_email(email));
  API_TRY_ASSIGN(member.role, parse_role(role));
  return member;
}

ApiError no_such_member() {
  return {ApiCode::kNotFound,
          "there is no such member whose role could be changed; GET /v1/teams/{id}/members lists "
          "them, and the owner stays until the team is handed over"};
}

}  // namespace

Task<Answer<void>> list_teams(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const auto teams, db_answer(co_await services.database_pool.run([&] {
                      return services.accounts.stores().teams.of_user(call.caller().id);
                    })));
  co_return co_await call.send_json(200, own_teams_json(teams));
}

Task<Answer<void>> create_team(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const std::string name, parse_team_name(body));
  call.note("name", name);
  constexpr std::size_t kMaxTeams = 100;
  API_CO_TRY_ASSIGN(
      db::Team team, co_await on_pool(services.database_pool, [&]() -> Answer<db::Team> {
        db::TeamStore& teams = services.accounts.stores().teams;
        API_TRY_ASSIGN(const auto own, db_answer(teams.of_user(call.caller().id)));
        if (own.size() >= kMaxTeams) {
          return refuse(ApiCode::kTooMany, concat("you are in ", kMaxTeams, " teams already"));
        }
        return db_answer(teams.create(name, call.caller().id));
      }));
  call.set_resource_id(team.id);
  co_return co_await call.send_json(201, own_team_json({std::move(team), Role::kOwner}));
}

Task<Answer<void>> get_team(Services& services, Call& call) {
  API_CO_TRY(check_role(call, Role::kMember));
  API_CO_TRY_ASSIGN(
      const std::string json,
      db_answer(co_await services.database_pool.run([&]() -> base::Result<std::string> {
        db::TeamStore& teams = services.accounts.stores().teams;
        WRENN_TRY_ASSIGN(const auto team, teams.get(call.team_id()));
        WRENN_TRY_ASSIGN(const auto members, teams.members(call.team_id()));
        return team_with_members_json(team, members);
      })));
  co_return co_await call.send_json(200, json);
}

Task<Answer<void>> rename_team(Services& services, Call& call) {
  API_CO_TRY(check_role(call, Role::kAdmin));
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const std::string name, parse_team_name(body));
  call.note("name", name);
  API_CO_TRY(db_answer(co_await services.database_pool.run(
      [&] { return services.accounts.stores().teams.rename(call.team_id(), name); })));
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> delete_team(Services& services, Call& call) {
  API_CO_TRY(check_role(call, Role::kOwner));
  API_CO_TRY(co_await remove_team(services, call.team_id()));
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> remove_team(Services& services, std::string team_id) {
  if (team_id == db::kDefaultTeam) {
    co_return refuse(ApiCode::kForbidden, "the platform's own team cannot be deleted");
  }
  auto removed = co_await services.database_pool.run(
      [&] { return services.accounts.stores().teams.remove(team_id); });
  if (!removed && removed.error().code == base::Code::kFailedPrecondition) {
    co_return refuse(ApiCode::kHasActiveSandboxes,
                     "the team has sandboxes; destroy them first: GET /v1/capsules lists them");
  }
  API_CO_TRY_ASSIGN(const bool was_there, db_answer(std::move(removed)));
  if (was_there) co_return {};
  co_return refuse(ApiCode::kNotFound, "there is no such team");
}

Task<Answer<void>> leave_team(Services& services, Call& call) {
  API_CO_TRY(check_role(call, Role::kMember));
  API_CO_TRY_ASSIGN(const bool left, db_answer(co_await services.database_pool.run([&] {
                      return services.accounts.stores().teams.remove_member(call.team_id(),
                                                                            call.caller().id);
                    })));
  if (!left) {
    co_return refuse(ApiCode::kForbidden,
                     "the owner cannot leave; POST /v1/teams/{id}/owner hands the team over");
  }
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> hand_over_team(Services& services, Call& call) {
  API_CO_TRY(check_role(call, Role::kOwner));
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const std::string user_id, parse_text(body, "user_id"));
  call.note("new_owner", user_id);
  API_CO_TRY_ASSIGN(const bool done, db_answer(co_await services.database_pool.run([&] {
                      return services.accounts.stores().teams.hand_over(call.team_id(),
                                                                        call.caller().id, user_id);
                    })));
  if (!done) {
    co_return refuse(ApiCode::kNotFound, "'user_id' must be another member of the team");
  }
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> list_members(Services& services, Call& call) {
  API_CO_TRY(check_role(call, Role::kMember));
  API_CO_TRY_ASSIGN(const auto members, db_answer(co_await services.database_pool.run([&] {
                      return services.accounts.stores().teams.members(call.team_id());
                    })));
  co_return co_await call.send_json(200, members_json(members));
}

Task<Answer<void>> add_member(Services& services, Call& call) {
  API_CO_TRY(check_role(call, Role::kAdmin));
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const NewMember wanted, parse_new_member(body));
  call.note("role", std::string(db::role_name(wanted.role)));
  API_CO_TRY_ASSIGN(const db::Member member,
                    co_await on_pool(services.database_pool, [&]() -> Answer<db::Member> {
                      AccountStores& stores = services.accounts.stores();
                      auto user = stores.users.find_by_email(wanted.email);
                      const bool is_missing = !user && user.error().code == base::Code::kNotFound;
                      if (is_missing || (user && user->status != db::UserStatus::kActive)) {
                        return refuse(
                            ApiCode::kNotFound,
                            "nobody here has this address; POST /v1/teams/{id}/invitations invites "
                            "them by mail");
                      }
                      API_TRY_ASSIGN(const db::User known, db_answer(std::move(user)));
                      auto added = stores.teams.add_member(call.team_id(), known.id, wanted.role);
                      if (!added && added.error().code == base::Code::kAlreadyExists) {
                        return refuse(ApiCode::kConflict, "they are a member of the team already");
                      }
                      API_TRY(db_answer(std::move(added)));
                      return db::Member{.user_id = known.id,
                                        .name = known.name,
                                        .email = known.email,
                                        .role = wanted.role,
                                        .joined_at = base::unix_ms_now()};
                    }));
  call.set_resource_id(member.user_id);
  co_return co_await call.send_json(201, member_json(member));
}

Task<Answer<void>> set_member_role(Services& services, Call& call) {
  API_CO_TRY(check_role(call, Role::kAdmin));
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const std::string name, parse_text(body, "role"));
  API_CO_TRY_ASSIGN(const Role role, parse_role(name));
  call.note("role", name);
  API_CO_TRY_ASSIGN(const bool changed, db_answer(co_await services.database_pool.run([&] {
                      return services.accounts.stores().teams.set_role(call.team_id(),
                                                                       call.param(1), role);
                    })));
  if (!changed) co_return std::unexpected(no_such_member());
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> remove_member(Services& services, Call& call) {
  API_CO_TRY(check_role(call, Role::kAdmin));
  API_CO_TRY_ASSIGN(const bool removed, db_answer(co_await services.database_pool.run([&] {
                      return services.accounts.stores().teams.remove_member(call.team_id(),
                                                                            call.param(1));
                    })));
  if (!removed) co_return std::unexpected(no_such_member());
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> list_invitations(Services& services, Call& call) {
  API_CO_TRY(check_role(call, Role::kAdmin));
  API_CO_TRY_ASSIGN(const auto invitations, db_answer(co_await services.database_pool.run([&] {
                      return services.accounts.stores().tokens.invitations(call.team_id());
                    })));
  co_return co_await call.send_json(200, invitations_json(invitations));
}

Task<Answer<void>> invite_member(Services& services, Call& call) {
  API_CO_TRY(check_role(call, Role::kAdmin));
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const NewMember wanted, parse_new_member(body));
  call.note("role", std::string(db::role_name(wanted.role)));
  API_CO_TRY(co_await on_pool(services.database_pool, [&]() -> Answer<void> {
    API_TRY_ASSIGN(const auto team,
                   db_answer(services.accounts.stores().teams.get(call.team_id())));
    return services.accounts.invite(team, wanted.email, wanted.role, call.caller().id);
  }));
  co_return co_await call.send_json(201, R"({"message":"the invitation is on its way by mail"})");
}

Task<Answer<void>> withdraw_invitation(Services& services, Call& call) {
  API_CO_TRY(check_role(call, Role::kAdmin));
  API_CO_TRY_ASSIGN(const bool withdrawn, db_answer(co_await services.database_pool.run([&] {
                      return services.accounts.stores().tokens.withdraw(call.team_id(),
                                                                        call.param(1));
                    })));
  if (!withdrawn) {
    co_return refuse(ApiCode::kNotFound,
                     "there is no such invitation that is open; GET /v1/teams/{id}/invitations "
                     "lists them");
  }
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> accept_invitation(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const std::string token, parse_text(body, "token"));
  API_CO_TRY_ASSIGN(const db::OwnTeam team, co_await on_pool(services.database_pool, [&] {
                      return services.accounts.accept_invitation(token, call.caller().id);
                    }));
  co_return co_await call.send_json(200, own_team_json(team));
}

Task<Answer<void>> search_users(Services& services, Call& call) {
  constexpr std::size_t kShortest = 3;
  constexpr int kMost = 10;
  const std::string prefix = base::to_lower(query_parameter(call.request().query(), "email"));
  // Not a way to read all addresses: whoever asks knows most of one.
  if (prefix.size() < kShortest || prefix.find('@') == std::string::npos) {
    co_return refuse(ApiCode::kInvalidRequest,
                     "'email' must be the beginning of an address, with its @");
  }
  API_CO_TRY_ASSIGN(const auto users, db_answer(co_await services.database_pool.run([&] {
                      return services.accounts.stores().users.search(prefix, kMost);
                    })));
  co_return co_await call.send_json(200, found_users_json(users));
}

}  // namespace wrenn::control
