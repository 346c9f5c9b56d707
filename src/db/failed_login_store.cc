#include "db/failed_login_store.h"

#include <algorithm>
#include <string>

#include "base/crypto.h"

namespace wrenn::db {
namespace {

using base::Result;

constexpr std::int64_t kFirstWaitMs = 2'000;
constexpr std::int64_t kLongestWaitMs = 15 * 60 * 1000;
constexpr int kMostDoublings = 9;

// Addresses of people who have no account here are not to be kept.
std::string key_of(std::string_view subject) {
  return base::sha256_hex(subject);
}

}  // namespace

Result<std::int64_t> FailedLoginStore::locked_for(std::string_view subject) {
  WRENN_TRY_ASSIGN(const auto rows, database_.read().query(
                                        "SELECT locked_until FROM failed_logins WHERE subject = $1",
                                        {key_of(subject)}));
  if (rows.empty()) return 0;
  return std::max<std::int64_t>(0, rows.front().integer(0) - clock_());
}

Result<void> FailedLoginStore::note(std::string_view subject, std::int64_t free_failures) {
  const std::int64_t now = clock_();
  const std::string key = key_of(subject);
  Session session = database_.write();
  WRENN_TRY_ASSIGN(auto transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(
      const auto rows,
      session.query("INSERT INTO failed_logins (subject, failures, locked_until, last_at) "
                    "VALUES ($1, 1, 0, $2) ON CONFLICT (subject) DO UPDATE SET failures = "
                    "CASE WHEN failed_logins.last_at < $3 THEN 1 "
                    "ELSE failed_logins.failures + 1 END, last_at = $2 RETURNING failures",
                    {key, now, now - kLongestWaitMs}));
  const std::int64_t beyond = rows.front().integer(0) - free_failures;
  if (beyond >= 0) {
    const auto doublings = std::min<std::int64_t>(beyond, kMostDoublings);
    const std::int64_t wait = std::min(kFirstWaitMs << doublings, kLongestWaitMs);
    WRENN_TRY(session.execute("UPDATE failed_logins SET locked_until = $2 WHERE subject = $1",
                              {key, now + wait}));
  }
  return transaction.commit();
}

Result<void> FailedLoginStore::clear(std::string_view subject) {
  WRENN_TRY(
      database_.write().execute("DELETE FROM failed_logins WHERE subject = $1", {key_of(subject)}));
  return {};
}

Result<void> FailedLoginStore::clear_old() {
  WRENN_TRY(database_.write().execute("DELETE FROM failed_logins WHERE last_at < $1",
                                      {clock_() - 2 * kLongestWaitMs}));
  return {};
}

}  // namespace wrenn::db
