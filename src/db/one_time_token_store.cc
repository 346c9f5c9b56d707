#include "db/one_time_token_store.h"

#include "base/crypto.h"
#include "base/id.h"
#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::size_t kTokenBytes = 32;

// In the order that read_token() takes.
constexpr std::string_view kColumns =
    "id, user_id, team_id, email, role, created_by, created_at, expires_at";

std::string purpose_name(TokenPurpose purpose) {
  switch (purpose) {
    case TokenPurpose::kActivation:
      return "activation";
    case TokenPurpose::kPasswordReset:
      return "password_reset";
    case TokenPurpose::kInvitation:
      break;
  }
  return "invitation";
}

Value text_or_null(const std::string& text) {
  return text.empty() ? Value() : Value(text);
}

OneTimeToken read_token(const Row& row) {
  return {.id = row.text(0),
          .user_id = row.maybe_text(1).value_or(""),
          .team_id = row.maybe_text(2).value_or(""),
          .email = row.text(3),
          .role = role_from_name(row.text(4)).value_or(Role::kMember),
          .created_by = row.maybe_text(5).value_or(""),
          .created_at = row.integer(6),
          .expires_at = row.integer(7)};
}

std::unexpected<base::Error> not_valid() {
  return base::fail(Code::kNotFound, "the token is not valid: it was used, or it has expired");
}

}  // namespace

Result<base::Secret> OneTimeTokenStore::issue(TokenPurpose purpose, OneTimeToken what,
                                              base::Duration lifetime) {
  const std::string name = purpose_name(purpose);
  const std::string digits = base::to_hex(base::random_bytes(kTokenBytes));
  const std::int64_t now = clock_();
  Session session = database_.write();
  WRENN_TRY_ASSIGN(auto transaction, Transaction::begin(session));
  WRENN_TRY(
      session.execute("DELETE FROM one_time_tokens WHERE purpose = $1 AND used_at IS NULL AND "
                      "((user_id IS NOT NULL AND user_id = $2) OR (team_id = $3 AND email = $4))",
                      {name, text_or_null(what.user_id), text_or_null(what.team_id), what.email}));
  WRENN_TRY(
      session.execute(concat("INSERT INTO one_time_tokens (token_hash, purpose, ", kColumns,
                             ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"),
                      {base::sha256_hex(digits), name, base::new_id(base::kOneTimeTokenPrefix),
                       text_or_null(what.user_id), text_or_null(what.team_id), what.email,
                       std::string(role_name(what.role)), text_or_null(what.created_by), now,
                       now + base::to_ms(lifetime)}));
  WRENN_TRY(transaction.commit());
  return base::Secret(digits);
}

Result<OneTimeToken> OneTimeTokenStore::use(TokenPurpose purpose, std::string_view token) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.write().query(
          concat("UPDATE one_time_tokens SET used_at = $1 WHERE token_hash = $2 AND purpose = $3 "
                 "AND used_at IS NULL AND expires_at > $1 RETURNING ",
                 kColumns),
          {clock_(), base::sha256_hex(token), purpose_name(purpose)}));
  if (rows.empty()) return not_valid();
  return read_token(rows.front());
}

Result<OneTimeToken> OneTimeTokenStore::peek(TokenPurpose purpose, std::string_view token) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(concat("SELECT ", kColumns,
                                    " FROM one_time_tokens WHERE token_hash = $2 AND purpose = $3 "
                                    "AND used_at IS NULL AND expires_at > $1"),
                             {clock_(), base::sha256_hex(token), purpose_name(purpose)}));
  if (rows.empty()) return not_valid();
  return read_token(rows.front());
}

Result<bool> OneTimeTokenStore::is_open(TokenPurpose purpose, std::string_view user_id) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query(
                       "SELECT 1 FROM one_time_tokens WHERE user_id = $1 AND purpose = $2 AND "
                       "used_at IS NULL AND expires_at > $3",
                       {std::string(user_id), purpose_name(purpose), clock_()}));
  return !rows.empty();
}

Result<std::vector<OneTimeToken>> OneTimeTokenStore::invitations(std::string_view team_id) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query(concat("SELECT ", kColumns,
                                                 " FROM one_time_tokens WHERE team_id = $1 AND "
                                                 "purpose = 'invitation' AND used_at IS NULL AND "
                                                 "expires_at > $2 ORDER BY created_at DESC, id"),
                                          {std::string(team_id), clock_()}));
  std::vector<OneTimeToken> tokens;
  for (const auto& row : rows) tokens.push_back(read_token(row));
  return tokens;
}

Result<bool> OneTimeTokenStore::withdraw(std::string_view team_id, std::string_view id) {
  WRENN_TRY_ASSIGN(
      const std::int64_t removed,
      database_.write().execute("DELETE FROM one_time_tokens WHERE id = $1 AND team_id = $2 AND "
                                "purpose = 'invitation' AND used_at IS NULL",
                                {std::string(id), std::string(team_id)}));
  return removed == 1;
}

Result<void> OneTimeTokenStore::clear_old() {
  WRENN_TRY(
      database_.write().execute("DELETE FROM one_time_tokens WHERE expires_at < $1", {clock_()}));
  return {};
}

}  // namespace wrenn::db
