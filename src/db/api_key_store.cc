#include "db/api_key_store.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/id.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::string_view kOurPrefix = "wrn_";
constexpr std::string_view kE2bPrefix = "e2b_";
constexpr std::size_t kKeyBytes = 16;
constexpr std::size_t kShownDigits = 8;
constexpr std::int64_t kNoteUseEveryMs = 60'000;
constexpr std::size_t kMaxName = 128;

std::unexpected<base::Error> invalid_key() {
  return base::fail(Code::kUnauthenticated, "invalid API key",
                    "give a key of the form wrn_ and 32 hexadecimal digits in X-API-Key");
}

// The digits that both spellings share.
std::optional<std::string_view> digits_of(std::string_view text) {
  if (!text.starts_with(kOurPrefix) && !text.starts_with(kE2bPrefix)) return std::nullopt;
  const auto digits = text.substr(kOurPrefix.size());
  const bool valid = digits.size() == 2 * kKeyBytes && std::ranges::all_of(digits, [](char c) {
                       return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                     });
  if (!valid) return std::nullopt;
  return digits;
}

// In the order that read_key() takes.
constexpr std::string_view kColumns =
    "k.id, k.team_id, k.name, k.key_prefix, k.created_at, k.last_used_at, k.revoked_at, "
    "k.created_by, u.email, k.scopes, k.expires_at";

std::vector<std::string> read_scopes(const std::string& text) {
  std::vector<std::string> scopes;
  if (text.empty()) return scopes;
  for (const auto scope : base::split(text, ' ')) scopes.emplace_back(scope);
  return scopes;
}

ApiKey read_key(const Row& row) {
  return {.id = row.text(0),
          .team_id = row.text(1),
          .name = row.text(2),
          .key_prefix = row.text(3),
          .created_at = row.integer(4),
          .last_used_at = row.maybe_integer(5),
          .revoked_at = row.maybe_integer(6),
          .created_by = row.maybe_text(7).value_or(""),
          .creator_email = row.maybe_text(8).value_or(""),
          .scopes = read_scopes(row.text(9)),
          .expires_at = row.maybe_integer(10)};
}

}  // namespace

Result<NewApiKey> ApiKeyStore::create(std::string_view team_id, const KeyRequest& request) {
  if (request.name.size() > kMaxName || !base::is_valid_utf8(request.name)) {
    return base::fail(Code::kInvalidArgument, "invalid key name",
                      concat("use at most ", kMaxName, " bytes of text"));
  }
  // 128 random bits: a plain hash is enough, there is nothing to guess.
  const std::string digits = base::to_hex(base::random_bytes(kKeyBytes));
  NewApiKey created;
  created.text = base::Secret(concat(kOurPrefix, digits));
  created.key = {.id = base::new_id(base::kKeyPrefix),
                 .team_id = std::string(team_id),
                 .name = request.name.empty() ? "default" : request.name,
                 .key_prefix = concat(kOurPrefix, digits.substr(0, kShownDigits)),
                 .created_at = clock_(),
                 .last_used_at = {},
                 .revoked_at = {},
                 .created_by = request.created_by,
                 .creator_email = {},
                 .scopes = request.scopes,
                 .expires_at = request.expires_at};
  // Selecting from teams makes an unknown team an insert of nothing.
  WRENN_TRY_ASSIGN(
      const std::int64_t inserted,
      database_.write().execute(
          "INSERT INTO api_keys (id, team_id, name, key_hash, key_prefix, created_at, created_by, "
          "scopes, expires_at) SELECT $1, id, $3, $4, $5, $6, $7, $8, $9 FROM teams "
          "WHERE id = $2 AND deleted_at IS NULL",
          {created.key.id, created.key.team_id, created.key.name, base::sha256_hex(digits),
           created.key.key_prefix, created.key.created_at,
           request.created_by.empty() ? Value() : Value(request.created_by),
           base::join(request.scopes, " "), nullable(request.expires_at)}));
  if (inserted == 0) return base::fail(Code::kNotFound, "team not found");
  return created;
}

Result<KeyOwner> ApiKeyStore::verify(std::string_view text) {
  const auto digits = digits_of(text);
  if (!digits) return invalid_key();
  const std::string hash = base::sha256_hex(*digits);
  const std::int64_t now = clock_();
  // Looking up by hash leaks nothing useful by its time: nobody can choose the hash of a guess.
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(
          "SELECT id, team_id, key_hash, last_used_at, name, scopes "
          "FROM api_keys WHERE key_hash = $1 AND revoked_at IS NULL "
          "AND (expires_at IS NULL OR expires_at > $2) AND (created_by IS NULL OR EXISTS "
          "(SELECT 1 FROM users WHERE id = created_by AND status = 'active'))",
          {hash, now}));
  if (rows.empty() || !base::constant_time_equal(rows.front().text(2), hash)) return invalid_key();
  const Row& row = rows.front();
  if (row.is_null(3) || now - row.integer(3) >= kNoteUseEveryMs) note_use(row.text(0), now);
  return KeyOwner{.team_id = row.text(1),
                  .key_id = row.text(0),
                  .name = row.text(4),
                  .scopes = read_scopes(row.text(5))};
}

void ApiKeyStore::note_use(const std::string& key_id, std::int64_t now) {
  // The time is looked at again, so that of many requests at once one writes. A key is valid even
  // when its use cannot be noted.
  auto noted = database_.write().execute(
      "UPDATE api_keys SET last_used_at = $1 "
      "WHERE id = $2 AND (last_used_at IS NULL OR last_used_at <= $3)",
      {now, key_id, now - kNoteUseEveryMs});
  if (!noted) base::log_warn("the use of an API key was not noted", {{"error", noted.error()}});
}

Result<void> ApiKeyStore::revoke(std::string_view team_id, std::string_view key_id) {
  WRENN_TRY_ASSIGN(
      const std::int64_t found,
      database_.write().execute("UPDATE api_keys SET revoked_at = COALESCE(revoked_at, $1) "
                                "WHERE id = $2 AND team_id = $3",
                                {clock_(), std::string(key_id), std::string(team_id)}));
  if (found == 0) return base::fail(Code::kNotFound, "API key not found");
  return {};
}

Result<std::vector<ApiKey>> ApiKeyStore::list(std::string_view team_id) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(concat("SELECT ", kColumns,
                                    " FROM api_keys k LEFT JOIN users u ON u.id = k.created_by "
                                    "WHERE k.team_id = $1 AND k.revoked_at IS NULL "
                                    "ORDER BY k.created_at DESC, k.id DESC"),
                             {std::string(team_id)}));
  std::vector<ApiKey> keys;
  for (const auto& row : rows) keys.push_back(read_key(row));
  return keys;
}

}  // namespace wrenn::db
