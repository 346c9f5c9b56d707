#include "db/usage_store.h"

#include <algorithm>

#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::concat;
using base::Result;

// "" for what uses nothing. A paused one that is just being resumed is paused until it runs.
std::string_view kind_of(SandboxState state) {
  switch (state) {
    case SandboxState::kRunning:
    case SandboxState::kPausing:
      return "running";
    case SandboxState::kPaused:
    case SandboxState::kResuming:
    case SandboxState::kHibernating:
      return "paused";
    default:
      return "";
  }
}

constexpr std::string_view kRunning = "CASE kind WHEN 'running' THEN 1 ELSE 0 END";
constexpr std::string_view kVcpus = "CASE kind WHEN 'running' THEN vcpus ELSE 0 END";
constexpr std::string_view kMemory =
    "CASE kind WHEN 'running' THEN memory_mb ELSE (memory_mb + 1) / 2 END";

TeamLoad read_load(const Row& row, std::size_t column) {
  return {row.integer(column), row.integer(column + 1), row.integer(column + 2)};
}

// Of every part in which something changed: its number, the most there was after the first change,
// and what there was at its end. $1 team, $2 and $3 from and to, $4 the length of a part.
std::string series_sql() {
  return concat(
      "WITH events (at, running, vcpus, memory) AS ("
      "SELECT CASE WHEN began_at > $2 THEN began_at ELSE $2 END, ",
      kRunning, ", ", kVcpus, ", ", kMemory,
      " FROM usage_periods WHERE team_id = $1 AND began_at < $3 "
      "AND (ended_at IS NULL OR ended_at > $2) "
      "UNION ALL SELECT ended_at, -(",
      kRunning, "), -(", kVcpus, "), -(", kMemory,
      ") FROM usage_periods WHERE team_id = $1 AND ended_at > $2 AND ended_at < $3), "
      "moments AS (SELECT at, SUM(running) AS running, SUM(vcpus) AS vcpus, SUM(memory) AS memory "
      "FROM events GROUP BY at), "
      "levels AS (SELECT at, (at - $2) / $4 AS part, "
      "SUM(running) OVER (ORDER BY at) AS running, SUM(vcpus) OVER (ORDER BY at) AS vcpus, "
      "SUM(memory) OVER (ORDER BY at) AS memory FROM moments), "
      "ranked AS (SELECT part, running, vcpus, memory, "
      "ROW_NUMBER() OVER (PARTITION BY part ORDER BY at DESC) AS number FROM levels) "
      "SELECT part, MAX(running), MAX(vcpus), MAX(memory), "
      "MAX(CASE number WHEN 1 THEN running END), MAX(CASE number WHEN 1 THEN vcpus END), "
      "MAX(CASE number WHEN 1 THEN memory END) FROM ranked GROUP BY part ORDER BY part");
}

}  // namespace

Result<TeamLoad> UsageStore::current(std::string_view team_id) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query(
                       concat("SELECT COALESCE(SUM(", kRunning, "), 0), COALESCE(SUM(", kVcpus,
                              "), 0), COALESCE(SUM(", kMemory,
                              "), 0) FROM usage_periods WHERE team_id = $1 AND ended_at IS NULL"),
                       {std::string(team_id)}));
  return read_load(rows.front(), 0);
}

Result<std::vector<TeamLoad>> UsageStore::series(std::string_view team_id, std::int64_t from,
                                                 std::int64_t part_ms, int count) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query(series_sql(), {std::string(team_id), from,
                                                         from + part_ms * count, part_ms}));
  std::vector<TeamLoad> parts(static_cast<std::size_t>(count));
  TeamLoad level;
  auto row = rows.begin();
  for (std::size_t part = 0; part < parts.size(); ++part) {
    parts[part] = level;
    if (row == rows.end() || row->integer(0) != static_cast<std::int64_t>(part)) continue;
    const TeamLoad most = read_load(*row, 1);
    parts[part] = {std::max(level.running, most.running), std::max(level.vcpus, most.vcpus),
                   std::max(level.memory_mb, most.memory_mb)};
    level = read_load(*row, 4);
    ++row;
  }
  return parts;
}

Result<TeamUsage> UsageStore::usage(std::string_view team_id, TimeSpan span) {
  const std::int64_t to = std::min(span.to, clock_());
  if (to <= span.from) return TeamUsage();
  const std::string took =
      "((CASE WHEN ended_at < $3 THEN ended_at ELSE $3 END) - "
      "(CASE WHEN began_at > $2 THEN began_at ELSE $2 END))";
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(concat("SELECT COALESCE(SUM((", kVcpus, ") * ", took,
                                    "), 0), COALESCE(SUM((", kMemory, ") * ", took,
                                    "), 0) FROM usage_periods WHERE team_id = $1 AND began_at < $3 "
                                    "AND (ended_at IS NULL OR ended_at > $2)"),
                             {std::string(team_id), span.from, to}));
  return TeamUsage{rows.front().integer(0), rows.front().integer(1)};
}

bool changes_usage(SandboxState from, SandboxState to) {
  return kind_of(from) != kind_of(to);
}

Result<void> follow_usage(Session& session, std::string_view sandbox_id, SandboxState to,
                          std::int64_t now) {
  const std::string kind(kind_of(to));
  WRENN_TRY(
      session.execute("UPDATE usage_periods SET ended_at = $2 "
                      "WHERE sandbox_id = $1 AND ended_at IS NULL AND kind <> $3",
                      {std::string(sandbox_id), now, kind}));
  if (kind.empty()) return {};
  WRENN_TRY(session.execute(
      "INSERT INTO usage_periods (sandbox_id, team_id, kind, vcpus, memory_mb, began_at) "
      "SELECT id, team_id, $3, vcpus, memory_mb, $2 FROM sandboxes WHERE id = $1 AND NOT EXISTS "
      "(SELECT 1 FROM usage_periods WHERE sandbox_id = $1 AND ended_at IS NULL)",
      {std::string(sandbox_id), now, kind}));
  return {};
}

}  // namespace wrenn::db
