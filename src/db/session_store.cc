#include "db/session_store.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/id.h"
#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::int64_t kHourMs = 3600 * 1000;
// Without a refresh; each one counts anew,
constexpr std::int64_t kIdleMs = 30 * 24 * kHourMs;
// but not beyond this.
constexpr std::int64_t kLongestMs = 90 * 24 * kHourMs;
// How long two tabs of a browser may use the same token.
constexpr std::int64_t kTogetherMs = 10'000;
constexpr std::int64_t kKeptMs = 24 * kHourMs;
constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kMaxUserAgent = 256;

// In the order that read_session() takes.
constexpr std::string_view kColumns =
    "id, user_id, team_id, user_agent, address, created_at, refreshed_at, expires_at";

UserSession read_session(const Row& row) {
  return {.id = row.text(0),
          .user_id = row.text(1),
          .team_id = row.text(2),
          .origin = {row.text(3), row.text(4)},
          .created_at = row.integer(5),
          .refreshed_at = row.integer(6),
          .expires_at = row.integer(7)};
}

// "ID.DIGITS": the id finds the row, also when the token is an old one.
base::Secret token_text(const std::string& id, const std::string& digits) {
  return base::Secret(concat(id, ".", digits));
}

std::unexpected<base::Error> ended() {
  return base::fail(Code::kUnauthenticated, "the session has ended");
}

}  // namespace

Result<NewSession> SessionStore::start(std::string_view user_id, std::string_view team_id,
                                       const SessionOrigin& origin) {
  const std::int64_t now = clock_();
  const std::string digits = base::to_hex(base::random_bytes(kTokenBytes));
  NewSession made{
      .id = base::new_id(base::kSessionPrefix), .refresh_token = {}, .expires_at = now + kIdleMs};
  made.refresh_token = token_text(made.id, digits);
  std::string agent = origin.user_agent.substr(0, kMaxUserAgent);
  if (!base::is_valid_utf8(agent)) agent.clear();
  WRENN_TRY(database_.write().execute(
      concat("INSERT INTO sessions (", kColumns,
             ", refresh_hash) VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8)"),
      {made.id, std::string(user_id), std::string(team_id), agent, origin.address, now,
       made.expires_at, base::sha256_hex(digits)}));
  return made;
}

Result<std::optional<SessionUser>> SessionStore::find_user(std::string_view session_id,
                                                           std::string_view team_id) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query(
                       "SELECT u.id, u.email, u.name, u.is_admin, u.status, m.role FROM sessions s "
                       "JOIN users u ON u.id = s.user_id "
                       "LEFT JOIN teams t ON t.id = $2 AND t.deleted_at IS NULL "
                       "LEFT JOIN team_members m ON m.team_id = t.id AND m.user_id = u.id "
                       "WHERE s.id = $1 AND s.revoked_at IS NULL AND s.expires_at > $3",
                       {std::string(session_id), std::string(team_id), clock_()}));
  if (rows.empty()) return std::nullopt;
  const Row& row = rows.front();
  return SessionUser{.user_id = row.text(0),
                     .email = row.text(1),
                     .name = row.text(2),
                     .is_admin = row.integer(3) != 0,
                     .is_enabled = row.text(4) == "active",
                     .role = role_from_name(row.maybe_text(5).value_or(""))};
}

Result<Refreshed> SessionStore::refresh(std::string_view refresh_token) {
  const auto dot = refresh_token.find('.');
  if (dot == std::string_view::npos) return ended();
  const std::string id(refresh_token.substr(0, dot));
  // It comes as a client sent it, and PostgreSQL takes no bytes that are no text.
  if (!base::is_id(base::kSessionPrefix, id)) return ended();
  const std::string hash = base::sha256_hex(refresh_token.substr(dot + 1));
  const std::int64_t now = clock_();
  Session session = database_.write();
  WRENN_TRY_ASSIGN(auto transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(const auto rows,
                   session.query(concat("SELECT ", kColumns,
                                        ", refresh_hash, previous_hash FROM sessions "
                                        "WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2"),
                                 {id, now}));
  if (rows.empty()) return ended();
  Refreshed refreshed{
      .outcome = RefreshOutcome::kRefreshed, .session = read_session(rows.front()), .next = {}};
  if (!base::constant_time_equal(rows.front().text(8), hash)) {
    if (!base::constant_time_equal(rows.front().text(9), hash)) return ended();
    if (now - refreshed.session.refreshed_at <= kTogetherMs) {
      refreshed.outcome = RefreshOutcome::kJustRefreshed;
      return refreshed;
    }
    WRENN_TRY(session.execute("UPDATE sessions SET revoked_at = $2 WHERE id = $1", {id, now}));
    WRENN_TRY(transaction.commit());
    return ended();
  }
  const std::string digits = base::to_hex(base::random_bytes(kTokenBytes));
  const std::int64_t end = std::min(now + kIdleMs, refreshed.session.created_at + kLongestMs);
  refreshed.next = {.id = id, .refresh_token = token_text(id, digits), .expires_at = end};
  WRENN_TRY(
      session.execute("UPDATE sessions SET refresh_hash = $2, previous_hash = $3, "
                      "refreshed_at = $4, expires_at = $5 WHERE id = $1",
                      {id, base::sha256_hex(digits), hash, now, end}));
  WRENN_TRY(transaction.commit());
  return refreshed;
}

Result<void> SessionStore::set_team(std::string_view session_id, std::string_view team_id) {
  WRENN_TRY(database_.write().execute("UPDATE sessions SET team_id = $2 WHERE id = $1",
                                      {std::string(session_id), std::string(team_id)}));
  return {};
}

Result<bool> SessionStore::end(std::string_view user_id, std::string_view session_id) {
  WRENN_TRY_ASSIGN(
      const std::int64_t changed,
      database_.write().execute("UPDATE sessions SET revoked_at = $3 "
                                "WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL",
                                {std::string(session_id), std::string(user_id), clock_()}));
  return changed == 1;
}

Result<void> SessionStore::end_all(std::string_view user_id, std::string_view kept) {
  WRENN_TRY(
      database_.write().execute("UPDATE sessions SET revoked_at = $3 "
                                "WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL",
                                {std::string(user_id), std::string(kept), clock_()}));
  return {};
}

Result<std::vector<UserSession>> SessionStore::list(std::string_view user_id) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(concat("SELECT ", kColumns,
                                    " FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND "
                                    "expires_at > $2 ORDER BY created_at DESC, id"),
                             {std::string(user_id), clock_()}));
  std::vector<UserSession> sessions;
  for (const auto& row : rows) sessions.push_back(read_session(row));
  return sessions;
}

Result<void> SessionStore::clear_old() {
  const std::int64_t before = clock_() - kKeptMs;
  WRENN_TRY(database_.write().execute(
      "DELETE FROM sessions WHERE expires_at < $1 OR revoked_at < $1", {before}));
  return {};
}

}  // namespace wrenn::db
