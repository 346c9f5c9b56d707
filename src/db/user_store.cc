#include "db/user_store.h"

#include "base/id.h"
#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

// In the order that read_user() takes.
constexpr std::string_view kColumns =
    "id, email, name, password_hash, is_admin, status, created_at";

UserStatus status_from_name(std::string_view name) {
  for (const auto status : {UserStatus::kInactive, UserStatus::kActive, UserStatus::kDisabled}) {
    if (status_name(status) == name) return status;
  }
  return UserStatus::kDeleted;
}

User read_user(const Row& row) {
  return {.id = row.text(0),
          .email = row.text(1),
          .name = row.text(2),
          .password_hash = base::Secret(row.maybe_text(3).value_or("")),
          .is_admin = row.integer(4) != 0,
          .status = status_from_name(row.text(5)),
          .created_at = row.integer(6)};
}

Value hash_value(const base::Secret& hash) {
  return hash.empty() ? Value() : Value(std::string(hash.reveal()));
}

std::vector<User> read_users(const std::vector<Row>& rows) {
  std::vector<User> users;
  for (const auto& row : rows) users.push_back(read_user(row));
  return users;
}

// True for the only one: whoever is active first.
constexpr std::string_view kIsFirst =
    "CASE WHEN EXISTS (SELECT 1 FROM users WHERE status IN ('active', 'disabled')) "
    "THEN 0 ELSE 1 END";

}  // namespace

std::string_view status_name(UserStatus status) {
  switch (status) {
    case UserStatus::kInactive:
      return "inactive";
    case UserStatus::kActive:
      return "active";
    case UserStatus::kDisabled:
      return "disabled";
    case UserStatus::kDeleted:
      break;
  }
  return "deleted";
}

Result<User> UserStore::create(const NewUser& made) {
  Session session = database_.write();
  WRENN_TRY_ASSIGN(auto transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(
      const auto taken,
      session.query("SELECT 1 FROM users WHERE email = $1 AND deleted_at IS NULL", {made.email}));
  if (!taken.empty()) return base::fail(Code::kAlreadyExists, "there is a user with this address");
  const std::string is_first(made.status == UserStatus::kActive ? kIsFirst : "0");
  WRENN_TRY_ASSIGN(
      const auto rows,
      session.query(
          concat("INSERT INTO users (id, email, name, password_hash, is_admin, status, "
                 "created_at, updated_at) VALUES ($1, $2, $3, $4, ",
                 is_first, ", $5, $6, $6) RETURNING ", kColumns),
          {base::new_id(base::kUserPrefix), made.email, made.name, hash_value(made.password_hash),
           std::string(status_name(made.status)), clock_()}));
  WRENN_TRY(transaction.commit());
  return read_user(rows.front());
}

Result<User> UserStore::get(std::string_view id) {
  WRENN_TRY_ASSIGN(const auto rows, database_.read().query(
                                        concat("SELECT ", kColumns,
                                               " FROM users WHERE id = $1 AND deleted_at IS NULL"),
                                        {std::string(id)}));
  if (rows.empty()) return base::fail(Code::kNotFound, "there is no such user");
  return read_user(rows.front());
}

Result<User> UserStore::find_by_email(std::string_view email) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(
          concat("SELECT ", kColumns, " FROM users WHERE email = $1 AND deleted_at IS NULL"),
          {std::string(email)}));
  if (rows.empty()) return base::fail(Code::kNotFound, "there is no user with this address");
  return read_user(rows.front());
}

Result<bool> UserStore::activate(std::string_view id) {
  Session session = database_.write();
  WRENN_TRY_ASSIGN(auto transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(
      const std::int64_t changed,
      session.execute(concat("UPDATE users SET status = 'active', is_admin = ", kIsFirst,
                             ", updated_at = $2 WHERE id = $1 AND status = 'inactive'"),
                      {std::string(id), clock_()}));
  WRENN_TRY(transaction.commit());
  return changed == 1;
}

Result<bool> UserStore::sign_up_again(std::string_view id, std::string_view name,
                                      const base::Secret& password_hash) {
  WRENN_TRY_ASSIGN(const std::int64_t changed,
                   database_.write().execute(
                       "UPDATE users SET name = $2, password_hash = $3, updated_at = $4 "
                       "WHERE id = $1 AND status = 'inactive'",
                       {std::string(id), std::string(name), hash_value(password_hash), clock_()}));
  return changed == 1;
}

Result<void> UserStore::set_name(std::string_view id, std::string_view name) {
  WRENN_TRY(database_.write().execute("UPDATE users SET name = $2, updated_at = $3 WHERE id = $1",
                                      {std::string(id), std::string(name), clock_()}));
  return {};
}

Result<void> UserStore::set_password(std::string_view id, const base::Secret& password_hash) {
  WRENN_TRY(database_.write().execute(
      "UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1",
      {std::string(id), hash_value(password_hash), clock_()}));
  return {};
}

Result<bool> UserStore::set_enabled(std::string_view id, bool enabled) {
  WRENN_TRY_ASSIGN(const std::int64_t changed,
                   database_.write().execute(
                       "UPDATE users SET status = $2, updated_at = $3 "
                       "WHERE id = $1 AND status IN ('active', 'disabled')",
                       {std::string(id), std::string(enabled ? "active" : "disabled"), clock_()}));
  return changed == 1;
}

Result<void> UserStore::remove(std::string_view id) {
  const std::string user(id);
  const std::int64_t now = clock_();
  Session session = database_.write();
  WRENN_TRY_ASSIGN(auto transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(
      const auto owned,
      session.query("SELECT m.team_id FROM team_members m JOIN teams t ON t.id = m.team_id "
                    "WHERE m.user_id = $1 AND m.role = 'owner' AND t.deleted_at IS NULL",
                    {user}));
  if (!owned.empty()) return base::fail(Code::kFailedPrecondition, "they own a team");
  WRENN_TRY(session.execute(
      "UPDATE users SET status = 'deleted', name = 'deleted-user', email = $1, "
      "password_hash = NULL, is_admin = 0, updated_at = $2, deleted_at = $2 WHERE id = $1",
      {user, now}));
  WRENN_TRY(session.execute(
      "UPDATE sessions SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL",
      {user, now}));
  WRENN_TRY(session.execute(
      "UPDATE api_keys SET revoked_at = $2 WHERE created_by = $1 AND revoked_at IS NULL",
      {user, now}));
  WRENN_TRY(session.execute("DELETE FROM team_members WHERE user_id = $1", {user}));
  WRENN_TRY(session.execute("DELETE FROM one_time_tokens WHERE user_id = $1", {user}));
  WRENN_TRY(session.execute("DELETE FROM user_identities WHERE user_id = $1", {user}));
  return transaction.commit();
}

Result<std::vector<User>> UserStore::search(std::string_view email_prefix, int limit) {
  // A range instead of LIKE: nothing in the text has a meaning of its own.
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(concat("SELECT ", kColumns,
                                    " FROM users WHERE email >= $1 AND email < $2 AND "
                                    "status = 'active' ORDER BY email LIMIT $3"),
                             {std::string(email_prefix), concat(email_prefix, "\xf4\x8f\xbf\xbf"),
                              std::int64_t{limit}}));
  return read_users(rows);
}

Result<std::vector<User>> UserStore::list(std::string_view after, int limit) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(
          concat("SELECT ", kColumns,
                 " FROM users WHERE deleted_at IS NULL AND ($1 = '' OR (created_at, id) > "
                 "(SELECT created_at, id FROM users WHERE id = $1)) ORDER BY created_at, id "
                 "LIMIT $2"),
          {std::string(after), std::int64_t{limit}}));
  return read_users(rows);
}

}  // namespace wrenn::db
