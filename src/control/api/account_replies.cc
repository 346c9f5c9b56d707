#include "control/api/account_replies.h"

#include <boost/json.hpp>

#include "base/time.h"

namespace wrenn::control {
namespace {

namespace json = boost::json;

json::value time_value(std::int64_t unix_ms) {
  return json::string(base::rfc3339(unix_ms));
}

template <class T, class Make>
std::string array_text(const std::vector<T>& all, Make make) {
  json::array out;
  for (const T& one : all) out.push_back(make(one));
  return json::serialize(out);
}

json::object team_object(const db::Team& team) {
  return {{"id", team.id},
          {"name", team.name},
          {"slug", team.slug},
          {"is_byoc", team.is_byoc},
          {"created_at", time_value(team.created_at)}};
}
json::object own_team_object(const db::OwnTeam& own) {
  json::object out = team_object(own.team);
  out["role"] = db::role_name(own.role);
  return out;
}

json::object member_object(const db::Member& member) {
  return {{"user_id", member.user_id},
          {"name", member.name},
          {"email", member.email},
          {"role", db::role_name(member.role)},
          {"joined_at", time_value(member.joined_at)}};
}

json::object key_object(const db::ApiKey& key) {
  json::object out{{"id", key.id},
                   {"team_id", key.team_id},
                   {"name", key.name},
                   {"key_prefix", key.key_prefix},
                   {"scopes", json::array(key.scopes.begin(), key.scopes.end())},
                   {"created_at", time_value(key.created_at)}};
  if (!key.created_by.empty()) out["created_by"] = key.created_by;
  if (!key.creator_email.empty()) out["creator_email"] = key.creator_email;
  if (key.last_used_at) out["last_used"] = time_value(*key.last_used_at);
  if (key.expires_at) out["expires_at"] = time_value(*key.expires_at);
  return out;
}

}  // namespace

std::string login_json(const Login& login) {
  return json::serialize(json::object{{"token", login.access_token.reveal()},
                                      {"expires_at", time_value(login.access_expires_at)},
                                      {"user_id", login.user.id},
                                      {"team_id", login.team.team.id},
                                      {"role", db::role_name(login.team.role)},
                                      {"email", login.user.email},
                                      {"name", login.user.name},
                                      {"is_admin", login.user.is_admin}});
}

std::string user_json(const db::User& user, const db::OwnTeam& team,
                      const std::vector<db::Identity>& identities) {
  json::array providers;
  for (const auto& identity : identities) providers.emplace_back(identity.provider);
  return json::serialize(json::object{{"id", user.id},
                                      {"name", user.name},
                                      {"email", user.email},
                                      {"has_password", !user.password_hash.empty()},
                                      {"providers", std::move(providers)},
                                      {"is_admin", user.is_admin},
                                      {"team", own_team_object(team)},
                                      {"created_at", time_value(user.created_at)}});
}

std::string sessions_json(const std::vector<db::UserSession>& sessions, std::string_view current) {
  return array_text(sessions, [&](const db::UserSession& session) {
    return json::object{{"id", session.id},
                        {"is_current", session.id == current},
                        {"user_agent", session.origin.user_agent},
                        {"address", session.origin.address},
                        {"created_at", time_value(session.created_at)},
                        {"refreshed_at", time_value(session.refreshed_at)},
                        {"expires_at", time_value(session.expires_at)}};
  });
}

std::string found_users_json(const std::vector<db::User>& users) {
  return array_text(users, [](const db::User& user) {
    return json::object{{"user_id", user.id}, {"email", user.email}};
  });
}

std::string users_json(const std::vector<db::User>& users) {
  return array_text(users, [](const db::User& user) {
    return json::object{{"id", user.id},
                        {"email", user.email},
                        {"name", user.name},
                        {"is_admin", user.is_admin},
                        {"status", db::status_name(user.status)},
                        {"created_at", time_value(user.created_at)}};
  });
}

std::string all_teams_json(const std::vector<db::TeamOverview>& teams) {
  return array_text(teams, [](const db::TeamOverview& overview) {
    json::object object = team_object(overview.team);
    object["owner_name"] = overview.owner_name;
    object["owner_email"] = overview.owner_email;
    object["member_count"] = overview.member_count;
    object["active_sandbox_count"] = overview.active_sandbox_count;
    if (overview.deleted_at) object["deleted_at"] = time_value(*overview.deleted_at);
    return object;
  });
}

std::string own_team_json(const db::OwnTeam& team) {
  return json::serialize(own_team_object(team));
}
std::string own_teams_json(const std::vector<db::OwnTeam>& teams) {
  return array_text(teams, own_team_object);
}
std::string team_with_members_json(const db::Team& team, const std::vector<db::Member>& members) {
  json::array all;
  for (const auto& member : members) all.push_back(member_object(member));
  return json::serialize(json::object{{"team", team_object(team)}, {"members", std::move(all)}});
}

std::string member_json(const db::Member& member) {
  return json::serialize(member_object(member));
}
std::string members_json(const std::vector<db::Member>& members) {
  return array_text(members, member_object);
}

std::string invitations_json(const std::vector<db::OneTimeToken>& invitations) {
  return array_text(invitations, [](const db::OneTimeToken& invitation) {
    return json::object{{"id", invitation.id},
                        {"email", invitation.email},
                        {"role", db::role_name(invitation.role)},
                        {"created_by", invitation.created_by},
                        {"created_at", time_value(invitation.created_at)},
                        {"expires_at", time_value(invitation.expires_at)}};
  });
}

std::string new_key_json(const db::NewApiKey& made) {
  json::object out = key_object(made.key);
  out["key"] = made.text.reveal();
  return json::serialize(out);
}
std::string keys_json(const std::vector<db::ApiKey>& keys) {
  return array_text(keys, key_object);
}

}  // namespace wrenn::control
