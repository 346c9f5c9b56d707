#include "control/api/usage.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "base/time.h"
#include "control/api/replies.h"
#include "control/api/requests.h"
#include "control/services.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;
using std::chrono::days;
using std::chrono::sys_days;

constexpr std::int64_t kDayMs = 24LL * 3600 * 1000;
constexpr days kUsualDays{30};
constexpr days kMaxDays{92};

struct StatsRange {
  std::string_view name;
  std::int64_t part_ms;
  int parts;
};
constexpr std::array kRanges = {StatsRange{"5m", 3'000, 100}, StatsRange{"1h", 30'000, 120},
                                StatsRange{"6h", 180'000, 120}, StatsRange{"24h", 720'000, 120},
                                StatsRange{"30d", 21'600'000, 120}};
constexpr std::string_view kDefaultRange = "1h";

Answer<StatsRange> parse_range(const std::string& name) {
  const auto found =
      std::ranges::find(kRanges, name.empty() ? kDefaultRange : name, &StatsRange::name);
  if (found != kRanges.end()) return *found;
  return refuse(ApiCode::kInvalidRequest,
                concat("'", name, "' is no range; there are 5m, 1h, 6h, 24h and 30d"));
}

sys_days day_of(std::int64_t unix_ms) {
  return sys_days(days(unix_ms / kDayMs));
}
std::int64_t start_of(sys_days day) {
  return day.time_since_epoch().count() * kDayMs;
}

// On a pool thread.
base::Result<TeamStats> read_stats(db::UsageStore& usage, const std::string& team_id,
                                   const StatsRange& range) {
  const std::int64_t now = base::unix_ms_now();
  TeamStats stats{.range = range.name, .part_ms = range.part_ms};
  // Parts begin at whole ones, so that two who ask see the same.
  stats.from = (now / range.part_ms + 1) * range.part_ms - range.part_ms * range.parts;
  WRENN_TRY_ASSIGN(stats.current, usage.current(team_id));
  WRENN_TRY_ASSIGN(const auto peaks, usage.series(team_id, now - 30 * kDayMs, 30 * kDayMs + 1, 1));
  stats.peaks = peaks.front();
  WRENN_TRY_ASSIGN(stats.series, usage.series(team_id, stats.from, range.part_ms, range.parts));
  return stats;
}

// On a pool thread.
base::Result<std::vector<DayUsage>> read_usage(db::UsageStore& usage, const std::string& team_id,
                                               const DateSpan& span) {
  std::vector<DayUsage> read;
  for (sys_days day = span.from; day <= span.to; day += days(1)) {
    WRENN_TRY_ASSIGN(const auto used,
                     usage.usage(team_id, {start_of(day), start_of(day + days(1))}));
    if (used != db::TeamUsage()) read.push_back({day_text(start_of(day)), used});
  }
  return read;
}

}  // namespace

Answer<sys_days> parse_date(std::string_view text) {
  const auto refused =
      refuse(ApiCode::kInvalidRequest, concat("'", text, "' is no date like 2026-01-31"));
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return refused;
  const auto year = base::parse_int<int>(text.substr(0, 4));
  const auto month = base::parse_int<unsigned>(text.substr(5, 2));
  const auto day = base::parse_int<unsigned>(text.substr(8, 2));
  if (!year || !month || !day || *year < 1970) return refused;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month),
                                         std::chrono::day(*day)};
  if (!date.ok()) return refused;
  return sys_days(date);
}

Answer<DateSpan> parse_dates(std::string_view query, sys_days today) {
  DateSpan span{today - kUsualDays + days(1), today};
  if (const std::string to = query_parameter(query, "to"); !to.empty()) {
    API_TRY_ASSIGN(span.to, parse_date(to));
    span.from = span.to - kUsualDays + days(1);
  }
  if (const std::string from = query_parameter(query, "from"); !from.empty()) {
    API_TRY_ASSIGN(span.from, parse_date(from));
  }
  if (span.from > span.to) {
    return refuse(ApiCode::kInvalidRequest, "from must not be later than to");
  }
  if (span.to - span.from >= kMaxDays) {
    return refuse(ApiCode::kInvalidRequest,
                  concat("from and to may be ", kMaxDays.count(), " days apart at most"));
  }
  return span;
}

Task<Answer<void>> team_stats(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const StatsRange range,
                    parse_range(query_parameter(call.request().query(), "range")));
  API_CO_TRY_ASSIGN(const TeamStats stats, db_answer(co_await services.database_pool.run([&] {
                      return read_stats(services.usage, call.team_id(), range);
                    })));
  co_return co_await call.send_json(200, team_stats_json(stats));
}

Task<Answer<void>> team_usage(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const DateSpan span,
                    parse_dates(call.request().query(), day_of(base::unix_ms_now())));
  API_CO_TRY_ASSIGN(const auto read, db_answer(co_await services.database_pool.run([&] {
                      return read_usage(services.usage, call.team_id(), span);
                    })));
  co_return co_await call.send_json(
      200, team_usage_json(day_text(start_of(span.from)), day_text(start_of(span.to)), read));
}

}  // namespace wrenn::control
