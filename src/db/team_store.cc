#include "db/team_store.h"

#include "base/crypto.h"
#include "base/id.h"
#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

// In the order that read_team() takes.
constexpr std::string_view kColumns = "t.id, t.name, t.slug, t.is_byoc, t.created_at";
constexpr std::size_t kColumnCount = 5;

Team read_team(const Row& row) {
  return {.id = row.text(0),
          .name = row.text(1),
          .slug = row.text(2),
          .is_byoc = row.integer(3) != 0,
          .created_at = row.integer(4)};
}

Role read_role(const Row& row, std::size_t column) {
  return role_from_name(row.text(column)).value_or(Role::kMember);
}

std::string new_slug() {
  const std::string digits = base::to_hex(base::random_bytes(6));
  return concat(digits.substr(0, 6), "-", digits.substr(6));
}

}  // namespace

std::string_view role_name(Role role) {
  switch (role) {
    case Role::kOwner:
      return "owner";
    case Role::kAdmin:
      return "admin";
    case Role::kMember:
      break;
  }
  return "member";
}

std::optional<Role> role_from_name(std::string_view name) {
  for (const Role role : {Role::kMember, Role::kAdmin, Role::kOwner}) {
    if (role_name(role) == name) return role;
  }
  return std::nullopt;
}

Result<Team> TeamStore::create(std::string_view name, std::string_view owner_id) {
  const std::int64_t now = clock_();
  Session session = database_.write();
  WRENN_TRY_ASSIGN(auto transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(const auto rows, session.query("INSERT INTO teams (id, name, slug, created_at) "
                                                  "VALUES ($1, $2, $3, $4) "
                                                  "RETURNING id, name, slug, is_byoc, created_at",
                                                  {base::new_id(base::kTeamPrefix),
                                                   std::string(name), new_slug(), now}));
  Team team = read_team(rows.front());
  WRENN_TRY(session.execute(
      "INSERT INTO team_members (team_id, user_id, role, created_at) VALUES ($1, $2, 'owner', $3)",
      {team.id, std::string(owner_id), now}));
  WRENN_TRY(transaction.commit());
  return team;
}

Result<Team> TeamStore::get(std::string_view id) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(
          concat("SELECT ", kColumns, " FROM teams t WHERE t.id = $1 AND t.deleted_at IS NULL"),
          {std::string(id)}));
  if (rows.empty()) return base::fail(Code::kNotFound, "there is no such team");
  return read_team(rows.front());
}

Result<void> TeamStore::rename(std::string_view id, std::string_view name) {
  WRENN_TRY(database_.write().execute("UPDATE teams SET name = $2 WHERE id = $1",
                                      {std::string(id), std::string(name)}));
  return {};
}

Result<bool> TeamStore::set_byoc(std::string_view id, bool is_byoc) {
  WRENN_TRY_ASSIGN(const std::int64_t changed,
                   database_.write().execute(
                       "UPDATE teams SET is_byoc = $2 WHERE id = $1 AND deleted_at IS NULL",
                       {std::string(id), std::int64_t{is_byoc ? 1 : 0}}));
  return changed == 1;
}

Result<bool> TeamStore::remove(std::string_view id) {
  const std::string team(id);
  const std::int64_t now = clock_();
  Session session = database_.write();
  WRENN_TRY_ASSIGN(auto transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(const auto active,
                   session.query("SELECT 1 FROM sandboxes WHERE team_id = $1 AND "
                                 "status NOT IN ('stopped', 'error') LIMIT 1",
                                 {team}));
  if (!active.empty()) return base::fail(Code::kFailedPrecondition, "the team has sandboxes");
  WRENN_TRY_ASSIGN(
      const std::int64_t changed,
      session.execute("UPDATE teams SET deleted_at = $2 WHERE id = $1 AND deleted_at IS NULL",
                      {team, now}));
  WRENN_TRY(session.execute(
      "UPDATE api_keys SET revoked_at = $2 WHERE team_id = $1 AND revoked_at IS NULL",
      {team, now}));
  WRENN_TRY(session.execute("DELETE FROM team_members WHERE team_id = $1", {team}));
  WRENN_TRY(session.execute("DELETE FROM one_time_tokens WHERE team_id = $1", {team}));
  WRENN_TRY(session.execute("DELETE FROM channels WHERE team_id = $1", {team}));
  WRENN_TRY(transaction.commit());
  return changed == 1;
}

Result<std::vector<TeamOverview>> TeamStore::list_all(std::string_view after, int limit) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query(
                       concat("SELECT ", kColumns,
                              ", t.deleted_at, COALESCE(u.name, ''), COALESCE(u.email, ''), "
                              "(SELECT COUNT(*) FROM team_members m WHERE m.team_id = t.id), "
                              "(SELECT COUNT(*) FROM sandboxes s WHERE s.team_id = t.id "
                              "AND s.status NOT IN ('stopped', 'error')) FROM teams t "
                              "LEFT JOIN team_members o ON o.team_id = t.id AND o.role = 'owner' "
                              "LEFT JOIN users u ON u.id = o.user_id "
                              "WHERE $1 = '' OR (t.created_at, t.id) > "
                              "(SELECT created_at, id FROM teams WHERE id = $1) "
                              "ORDER BY t.created_at, t.id LIMIT $2"),
                       {std::string(after), std::int64_t{limit}}));
  std::vector<TeamOverview> teams;
  for (const Row& row : rows) {
    teams.push_back({.team = read_team(row),
                     .deleted_at = row.maybe_integer(kColumnCount),
                     .owner_name = row.text(kColumnCount + 1),
                     .owner_email = row.text(kColumnCount + 2),
                     .member_count = row.integer(kColumnCount + 3),
                     .active_sandbox_count = row.integer(kColumnCount + 4)});
  }
  return teams;
}

Result<std::vector<OwnTeam>> TeamStore::of_user(std::string_view user_id) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(concat("SELECT ", kColumns,
                                    ", m.role FROM team_members m JOIN teams t ON t.id = m.team_id "
                                    "WHERE m.user_id = $1 AND t.deleted_at IS NULL "
                                    "ORDER BY m.created_at, t.id"),
                             {std::string(user_id)}));
  std::vector<OwnTeam> teams;
  for (const auto& row : rows) teams.push_back({read_team(row), read_role(row, kColumnCount)});
  return teams;
}

Result<std::vector<Member>> TeamStore::members(std::string_view team_id) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query("SELECT u.id, u.name, u.email, m.role, m.created_at "
                                          "FROM team_members m JOIN users u ON u.id = m.user_id "
                                          "WHERE m.team_id = $1 ORDER BY m.created_at, u.id",
                                          {std::string(team_id)}));
  std::vector<Member> members;
  for (const auto& row : rows) {
    members.push_back({.user_id = row.text(0),
                       .name = row.text(1),
                       .email = row.text(2),
                       .role = read_role(row, 3),
                       .joined_at = row.integer(4)});
  }
  return members;
}

Result<std::optional<Role>> TeamStore::role_of(std::string_view team_id, std::string_view user_id) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query("SELECT m.role FROM team_members m JOIN teams t ON t.id = m.team_id "
                             "WHERE m.team_id = $1 AND m.user_id = $2 AND t.deleted_at IS NULL",
                             {std::string(team_id), std::string(user_id)}));
  if (rows.empty()) return std::nullopt;
  return read_role(rows.front(), 0);
}

Result<void> TeamStore::add_member(std::string_view team_id, std::string_view user_id, Role role) {
  WRENN_TRY_ASSIGN(
      const std::int64_t added,
      database_.write().execute(
          "INSERT INTO team_members (team_id, user_id, role, created_at) "
          "SELECT id, $2, $3, $4 FROM teams WHERE id = $1 AND "
          "deleted_at IS NULL ON CONFLICT (team_id, user_id) DO NOTHING",
          {std::string(team_id), std::string(user_id), std::string(role_name(role)), clock_()}));
  if (added == 0) return base::fail(Code::kAlreadyExists, "they are a member already");
  return {};
}

Result<bool> TeamStore::set_role(std::string_view team_id, std::string_view user_id, Role role) {
  WRENN_TRY_ASSIGN(const std::int64_t changed,
                   database_.write().execute(
                       "UPDATE team_members SET role = $3 "
                       "WHERE team_id = $1 AND user_id = $2 AND role <> 'owner'",
                       {std::string(team_id), std::string(user_id), std::string(role_name(role))}));
  return changed == 1;
}

Result<bool> TeamStore::remove_member(std::string_view team_id, std::string_view user_id) {
  const std::string team(team_id);
  const std::string user(user_id);
  Session session = database_.write();
  WRENN_TRY_ASSIGN(auto transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(const std::int64_t removed,
                   session.execute("DELETE FROM team_members "
                                   "WHERE team_id = $1 AND user_id = $2 AND role <> 'owner'",
                                   {team, user}));
  if (removed == 0) return false;
  WRENN_TRY(
      session.execute("UPDATE api_keys SET revoked_at = $3 WHERE team_id = $1 AND "
                      "created_by = $2 AND revoked_at IS NULL",
                      {team, user, clock_()}));
  WRENN_TRY(transaction.commit());
  return true;
}

Result<bool> TeamStore::hand_over(std::string_view team_id, std::string_view from,
                                  std::string_view to) {
  const std::string team(team_id);
  Session session = database_.write();
  WRENN_TRY_ASSIGN(auto transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(const std::int64_t left,
                   session.execute("UPDATE team_members SET role = 'admin' "
                                   "WHERE team_id = $1 AND user_id = $2 AND role = 'owner'",
                                   {team, std::string(from)}));
  WRENN_TRY_ASSIGN(const std::int64_t took,
                   session.execute("UPDATE team_members SET role = 'owner' "
                                   "WHERE team_id = $1 AND user_id = $2 AND user_id <> $3",
                                   {team, std::string(to), std::string(from)}));
  if (left != 1 || took != 1) return false;
  WRENN_TRY(transaction.commit());
  return true;
}

}  // namespace wrenn::db
