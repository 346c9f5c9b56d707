// Builds of templates: what was asked for, how far each is, and what it said. Blocking,
// thread-safe.
//
// Several control planes may work on one database: each build is somebody's for as long as they
// keep renewing their claim, and then the next one's.
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

namespace wrenn::db {

inline constexpr std::string_view kBuildPrefix = "bld-";

enum class BuildStatus : std::uint8_t { kWaiting, kBuilding, kReady, kFailed, kCanceled };
std::string_view status_name(BuildStatus status);  // "waiting", ...
std::optional<BuildStatus> build_status_from_name(std::string_view name);
inline bool is_over(BuildStatus status) {
  return status != BuildStatus::kWaiting && status != BuildStatus::kBuilding;
}

struct Build {
  std::string id;  // "bld-..."
  std::string team_id;
  std::string name;  // Of the template, and the tag that is to point to it.
  std::string tag;
  std::string definition;  // JSON.
  BuildStatus status = BuildStatus::kWaiting;
  int step = 0;   // The one it is at, or failed in.
  int steps = 0;  // 0: not known yet.
  int cached_steps = 0;
  std::string error;        // Of one that failed.
  std::string template_id;  // Of one that is ready.
  std::string created_by;
  int attempts = 0;  // How often it was begun.
  std::int64_t created_at = 0;
  std::optional<std::int64_t> started_at = {};
  std::optional<std::int64_t> finished_at = {};
};

// How far it is.
struct BuildProgress {
  int step = 0;
  int steps = 0;
  int cached_steps = 0;
};

// How it ended: ready with a template, or failed with an error.
struct BuildEnd {
  BuildStatus status = BuildStatus::kFailed;
  std::string template_id = {};
  std::string error = {};
};

struct BuildLogLine {
  std::int64_t number = 0;  // From 1 on.
  std::int64_t at = 0;
  int step = 0;
  std::string kind;  // "step", "stdout", "stderr", "notice", "error"
  std::string text;
};

struct BuildQuery {
  std::string after;  // The id of the last of the page before.
  std::string name;   // Empty: of any.
  int limit = 50;
};

class BuildStore {
 public:
  explicit BuildStore(Database& database, Clock clock = base::unix_ms_now)
      : database_(database), clock_(std::move(clock)) {}

  // As kWaiting; sets id and created_at. kResourceExhausted when the team has kMaxWaiting that are
  // not over.
  base::Result<Build> create(Build build);
  // kNotFound also for another team's.
  base::Result<Build> get(std::string_view team_id, std::string_view id);
  // Newest first.
  base::Result<std::vector<Build>> list(std::string_view team_id, const BuildQuery& query);
  // Of any of these teams: those that are not over, and those that were at `since` or later.
  // Without their definitions, which may be long.
  base::Result<std::vector<Build>> list_active(const std::vector<std::string>& teams,
                                               std::int64_t since);
  // False when it was over before.
  base::Result<bool> cancel(std::string_view team_id, std::string_view id);

  // One that nobody works on, the oldest of those whose teams have the fewest at work: from now on
  // it is the caller's for `lease_ms`, as kBuilding.
  base::Result<std::optional<Build>> claim(std::int64_t lease_ms);
  // Notes how far it is and keeps the claim. False when it is not the caller's any more: it was
  // cancelled, or somebody else has begun it anew.
  base::Result<bool> renew(const Build& build, const BuildProgress& progress,
                           std::int64_t lease_ms);
  // The same about what renew() says of false.
  base::Result<bool> finish(const Build& build, const BuildEnd& end);
  // For somebody else to begin anew, soon.
  base::Result<void> give_back(const Build& build);

  // Adds lines, whose numbers and times it sets. What a build says past kMaxLogBytes is dropped,
  // and said to be.
  base::Result<void> append_log(std::string_view id, std::vector<BuildLogLine> lines);
  // Those after the line of the number `after`, in order.
  base::Result<std::vector<BuildLogLine>> log(std::string_view id, std::int64_t after, int limit);

  // Builds that were over before `before`, with their logs, at most `limit`; returns how many.
  base::Result<std::int64_t> forget(std::int64_t before, std::int64_t limit);

  static constexpr int kMaxWaiting = 20;
  static constexpr std::int64_t kMaxLogBytes = 4LL << 20;
  static constexpr int kMaxAttempts = 3;

 private:
  Database& database_;
  Clock clock_;
};

}  // namespace wrenn::db
