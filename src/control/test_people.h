// For tests of the control plane: who calls, beside the platform's own team.
#pragma once

#include <string>

#include "base/strings.h"
#include "control/test_world.h"

namespace wrenn::control {

// An active user whose address is name@example.com, and its id.
inline std::string add_user(World& world, const std::string& name) {
  return world.users
      .create({.email = base::concat(name, "@example.com"),
               .name = name,
               .password_hash = base::Secret("none"),
               .status = db::UserStatus::kActive})
      .value()
      .id;
}

// The first user of all is one.
inline std::string admin_token(World& world) {
  const std::string user = add_user(world, "root");
  const auto team = world.teams.create("root's Team", user).value();
  const auto session = world.sessions.start(user, team.id, {}).value();
  return std::string(world.accounts.renew(session.id, user, team.id)->access_token.reveal());
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
  const auto team = world.teams.create("ann's Team", add_user(world, "ann")).value();
  const auto key = world.keys.create(team.id, {.name = "test"}).value();
  return {team.id, net::Headers().with("X-API-Key", key.text.reveal())};
}

}  // namespace wrenn::control
