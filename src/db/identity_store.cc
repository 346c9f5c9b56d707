#include "db/identity_store.h"

#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

// In the order that read_identity() takes.
constexpr std::string_view kColumns = "provider, provider_id, user_id, email, created_at";

Identity read_identity(const Row& row) {
  return {.provider = row.text(0),
          .provider_id = row.text(1),
          .user_id = row.text(2),
          .email = row.text(3),
          .created_at = row.integer(4)};
}

}  // namespace

Result<void> IdentityStore::link(const Identity& identity) {
  WRENN_TRY_ASSIGN(
      const std::int64_t added,
      database_.write().execute(
          concat("INSERT INTO user_identities (", kColumns,
                 ") VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"),
          {identity.provider, identity.provider_id, identity.user_id, identity.email, clock_()}));
  if (added == 1) return {};
  return base::fail(Code::kAlreadyExists, concat("it is joined to an account already, or the "
                                                 "account to another one at ",
                                                 identity.provider));
}

Result<Identity> IdentityStore::find(std::string_view provider, std::string_view provider_id) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query(
                       concat("SELECT ", kColumns,
                              " FROM user_identities WHERE provider = $1 AND provider_id = $2"),
                       {std::string(provider), std::string(provider_id)}));
  if (rows.empty()) return base::fail(Code::kNotFound, "it is joined to no account");
  return read_identity(rows.front());
}

Result<std::vector<Identity>> IdentityStore::of_user(std::string_view user_id) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(
          concat("SELECT ", kColumns, " FROM user_identities WHERE user_id = $1 ORDER BY provider"),
          {std::string(user_id)}));
  std::vector<Identity> identities;
  for (const auto& row : rows) identities.push_back(read_identity(row));
  return identities;
}

Result<Unlinked> IdentityStore::unlink(std::string_view user_id, std::string_view provider) {
  const std::string user(user_id);
  Session session = database_.write();
  WRENN_TRY_ASSIGN(auto transaction, Transaction::begin(session));
  // Locks the user: of two that unlink at once, the second sees what the first left.
  WRENN_TRY(session.execute("UPDATE users SET updated_at = updated_at WHERE id = $1", {user}));
  WRENN_TRY_ASSIGN(const std::int64_t removed,
                   session.execute("DELETE FROM user_identities WHERE user_id = $1 AND "
                                   "provider = $2",
                                   {user, std::string(provider)}));
  if (removed == 0) return Unlinked::kWasNotThere;
  WRENN_TRY_ASSIGN(
      const auto ways,
      session.query("SELECT 1 FROM users WHERE id = $1 AND password_hash IS NOT NULL UNION ALL "
                    "SELECT 1 FROM user_identities WHERE user_id = $1",
                    {user}));
  if (ways.empty()) return Unlinked::kIsLastWayIn;
  WRENN_TRY(transaction.commit());
  return Unlinked::kDone;
}

Result<bool> IdentityStore::use_state(std::string_view nonce, std::int64_t expires_at) {
  WRENN_TRY_ASSIGN(const std::int64_t added,
                   database_.write().execute("INSERT INTO used_oauth_states (nonce, expires_at) "
                                             "VALUES ($1, $2) ON CONFLICT DO NOTHING",
                                             {std::string(nonce), expires_at}));
  return added == 1;
}

Result<void> IdentityStore::clear_old() {
  WRENN_TRY(
      database_.write().execute("DELETE FROM used_oauth_states WHERE expires_at < $1", {clock_()}));
  return {};
}

}  // namespace wrenn::db
