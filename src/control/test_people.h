// For tests of the control plane: who calls, beside the platform's own team.
#pragma once

#include <string>

#include "base/strings.h"
#include "control/test_world.h"

namespace wrenn::control {

// The first user of all is one.
inline std::string admin_token(World& world) {
  const auto user = world.users
                        .create({.email = "root@example.com",
                                 .name = "root",
                                 .password_hash = base::Secret("none"),
                                 .status = db::UserStatus::kActive})
                        .value();
  const auto team = world.teams.create("root's Team", user.id).value();
  const auto session = world.sessions.start(user.id, team.id, {}).value();
  return std::string(world.accounts.renew(session.id, user.id, team.id)->access_token.reveal());
}

inline net::Headers bearer(const std::string& token) {
  return net::Headers().with("Authorization", base::concat("Bearer ", token)).with("X-API-Key", "");
}

struct Other {
  std::string team_id;
  net::Headers key;
};
// A team beside the platform's own.
inline Other other_team(World& world) {
  const auto user = world.users
                        .create({.email = "ann@example.com",
                                 .name = "ann",
                                 .password_hash = base::Secret("none"),
                                 .status = db::UserStatus::kActive})
                        .value();
  const auto team = world.teams.create("ann's Team", user.id).value();
  const auto key = world.keys.create(team.id, {.name = "test"}).value();
  return {team.id, net::Headers().with("X-API-Key", key.text.reveal())};
}

}  // namespace wrenn::control
