// The bodies of answers about people, teams and keys. Pure and thread-safe.
#pragma once

#include <string>
#include <vector>

#include "control/accounts/accounts.h"
#include "db/api_key_store.h"

namespace wrenn::control {

std::string login_json(const Login& login);
std::string user_json(const db::User& user, const db::OwnTeam& team,
                      const std::vector<db::Identity>& identities);
std::string sessions_json(const std::vector<db::UserSession>& sessions, std::string_view current);
std::string found_users_json(const std::vector<db::User>& users);
std::string users_json(const std::vector<db::User>& users);

std::string all_teams_json(const std::vector<db::TeamOverview>& teams);

std::string own_team_json(const db::OwnTeam& team);
std::string own_teams_json(const std::vector<db::OwnTeam>& teams);
std::string team_with_members_json(const db::Team& team, const std::vector<db::Member>& members);
std::string member_json(const db::Member& member);
std::string members_json(const std::vector<db::Member>& members);
std::string invitations_json(const std::vector<db::OneTimeToken>& invitations);

std::string new_key_json(const db::NewApiKey& made);
std::string keys_json(const std::vector<db::ApiKey>& keys);

}  // namespace wrenn::control
