// What teams may have at most, and what they have of it. Blocking, thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "db/clock.h"
#include "db/database.h"

namespace wrenn::db {

// Empty: no limit.
struct Quota {
  std::optional<std::int64_t> sandboxes;  // That exist: running, paused or hibernated.
  std::optional<std::int64_t> vcpus;      // Of those that run, or may at any moment.
  std::optional<std::int64_t> memory_mb;  // Of the same.
  std::optional<std::int64_t> disk_mb;    // Of all that exist: how large their disks may grow.
  std::optional<std::int64_t> creates_per_minute;  // Forks, too.

  friend bool operator==(const Quota&, const Quota&) = default;
};

// What a team has, or asks for, in the terms of a quota.
struct QuotaUse {
  std::int64_t sandboxes = 0;
  std::int64_t vcpus = 0;
  std::int64_t memory_mb = 0;
  std::int64_t disk_mb = 0;
  std::int64_t creates = 0;  // In the last minute.
};

struct StoredQuota {
  Quota quota;
  std::int64_t updated_at = 0;  // Milliseconds since 1970 UTC.
};

inline constexpr std::string_view kQuotaOfAll;  // In place of a team's id.

class QuotaStore {
 public:
  // The database must be migrated and outlive the store.
  explicit QuotaStore(Database& database, Clock clock = base::unix_ms_now)
      : database_(database), clock_(std::move(clock)) {}

  // The team's own, or nothing; of kQuotaOfAll: that of all teams without one of their own.
  base::Result<std::optional<StoredQuota>> get(std::string_view team_id);
  // What holds for the team: its own quota, or that of all.
  base::Result<Quota> effective(std::string_view team_id);
  // Nothing, and nothing is changed, when it was changed since `seen` (0: when there is one).
  // kNotFound for an unknown team.
  base::Result<std::optional<StoredQuota>> set(std::string_view team_id, const Quota& quota,
                                               std::optional<std::int64_t> seen = std::nullopt);
  // False when there was none.
  base::Result<bool> remove(std::string_view team_id);
  base::Result<QuotaUse> use(std::string_view team_id);
  // How long until the team may create `count` more, as far as its rate goes; 0 when waiting is not
  // what helps.
  base::Result<std::int64_t> create_wait_ms(std::string_view team_id, int count);

 private:
  Database& database_;
  Clock clock_;
};

// In a transaction, before what is asked for is written: kOutOfRange when the team would have more
// than its quota; the error says of what, and what helps.
base::Result<void> check_quota(Session& session, std::string_view team_id, const QuotaUse& asked,
                               std::int64_t now);

}  // namespace wrenn::db
