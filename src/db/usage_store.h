// What teams use: sandboxes that run or are paused, over time. Blocking, thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "db/clock.h"
#include "db/database.h"
#include "db/sandbox_state.h"

namespace wrenn::db {

// At one moment. Memory is reserved in full by what runs, by half (rounded up) by what is paused.
struct TeamLoad {
  std::int64_t running = 0;
  std::int64_t vcpus = 0;  // Of those that run.
  std::int64_t memory_mb = 0;
  bool operator==(const TeamLoad&) const = default;
};

// In a time: one vCPU for one millisecond; one reserved megabyte for one millisecond.
struct TeamUsage {
  std::int64_t cpu_ms = 0;
  std::int64_t memory_mb_ms = 0;
  bool operator==(const TeamUsage&) const = default;
};

// Milliseconds since 1970 UTC, the end not included.
struct TimeSpan {
  std::int64_t from = 0;
  std::int64_t to = 0;
};

class UsageStore {
 public:
  explicit UsageStore(Database& database, Clock clock = base::unix_ms_now)
      : database_(database), clock_(std::move(clock)) {}

  base::Result<TeamLoad> current(std::string_view team_id);
  // The most of each in every one of `count` parts of equal length, the last of which is now's.
  base::Result<std::vector<TeamLoad>> series(std::string_view team_id, std::int64_t from,
                                             std::int64_t part_ms, int count);
  // What lies in the future counts nothing.
  base::Result<TeamUsage> usage(std::string_view team_id, TimeSpan span);

 private:
  Database& database_;
  Clock clock_;
};

// Whether use changes by this change of state.
bool changes_usage(SandboxState from, SandboxState to);
// To be called in the transaction that has made the change.
base::Result<void> follow_usage(Session& session, std::string_view sandbox_id, SandboxState to,
                                std::int64_t now);

}  // namespace wrenn::db
