// Teams and who is in them. Blocking, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "db/clock.h"
#include "db/database.h"
#include "db/role.h"
#include "db/team.h"

namespace wrenn::db {

struct Team {
  std::string id;  // "team-..."
  std::string name;
  std::string slug;
  bool is_byoc = false;  // It may bring hosts of its own.
  std::int64_t created_at = 0;
};

// A team as one of its members has it.
struct OwnTeam {
  Team team;
  Role role = Role::kMember;
};

struct Member {
  std::string user_id;
  std::string name;
  std::string email;
  Role role = Role::kMember;
  std::int64_t joined_at = 0;
};

// A team as administrators of the platform see it.
struct TeamOverview {
  Team team;
  std::optional<std::int64_t> deleted_at;
  std::string owner_name;  // Empty: it has none, as the platform's own.
  std::string owner_email;
  std::int64_t member_count = 0;
  std::int64_t active_sandbox_count = 0;  // Neither stopped nor failed.
};

class TeamStore {
 public:
  // The database must be migrated and outlive the store.
  explicit TeamStore(Database& database, Clock clock = base::unix_ms_now)
      : database_(database), clock_(std::move(clock)) {}

  // With its owner as the only member.
  base::Result<Team> create(std::string_view name, std::string_view owner_id);
  // kNotFound when there is none, or when it was deleted.
  base::Result<Team> get(std::string_view id);
  base::Result<void> rename(std::string_view id, std::string_view name);
  // Whether it may bring hosts of its own. False when there is no such team.
  base::Result<bool> set_byoc(std::string_view id, bool is_byoc);
  // Its keys stop working, and its members are in it no more. False when it was deleted before. Its
  // sandboxes are the caller's care; kFailedPrecondition while there is one.
  base::Result<bool> remove(std::string_view id);
  // A page of all, oldest first, deleted ones too: those after the team `after`; "" begins.
  base::Result<std::vector<TeamOverview>> list_all(std::string_view after, int limit);
  // Those that the user is in, in the order they joined.
  base::Result<std::vector<OwnTeam>> of_user(std::string_view user_id);

  base::Result<std::vector<Member>> members(std::string_view team_id);
  // Nothing when they are no member, or the team was deleted.
  base::Result<std::optional<Role>> role_of(std::string_view team_id, std::string_view user_id);
  // kAlreadyExists for one who is a member.
  base::Result<void> add_member(std::string_view team_id, std::string_view user_id, Role role);
  // Not of the owner: false, as for one who is no member.
  base::Result<bool> set_role(std::string_view team_id, std::string_view user_id, Role role);
  // Nor the owner; their keys for this team go with them.
  base::Result<bool> remove_member(std::string_view team_id, std::string_view user_id);
  // The owner becomes an administrator. False when `to` is no member, or `from` not the owner.
  base::Result<bool> hand_over(std::string_view team_id, std::string_view from,
                               std::string_view to);

 private:
  Database& database_;
  Clock clock_;
};

}  // namespace wrenn::db
