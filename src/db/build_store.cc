#include "db/build_store.h"

#include <array>

#include "base/id.h"
#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::array<std::string_view, 5> kStatusNames = {"waiting", "building", "ready", "failed",
                                                          "canceled"};

// In the order that read_build() takes.
constexpr std::string_view kColumns =
    "id, team_id, name, tag, definition, status, step, steps, cached_steps, error, template_id, "
    "created_by, attempts, created_at, started_at, finished_at";

// The same, where nobody asks for the definition.
constexpr std::string_view kShortColumns =
    "id, team_id, name, tag, '', status, step, steps, cached_steps, error, template_id, "
    "created_by, attempts, created_at, started_at, finished_at";

Build read_build(const Row& row) {
  return {.id = row.text(0),
          .team_id = row.text(1),
          .name = row.text(2),
          .tag = row.text(3),
          .definition = row.text(4),
          .status = build_status_from_name(row.text(5)).value_or(BuildStatus::kFailed),
          .step = static_cast<int>(row.integer(6)),
          .steps = static_cast<int>(row.integer(7)),
          .cached_steps = static_cast<int>(row.integer(8)),
          .error = row.text(9),
          .template_id = row.text(10),
          .created_by = row.text(11),
          .attempts = static_cast<int>(row.integer(12)),
          .created_at = row.integer(13),
          .started_at = row.maybe_integer(14),
          .finished_at = row.maybe_integer(15)};
}

// Of a build that is the caller's still: nobody has claimed it since. With parameters $1 and $2.
constexpr std::string_view kIsOwn = "id = $1 AND attempts = $2 AND status = 'building'";

// The end of what is too long to be kept whole.
constexpr std::string_view kTooMuch =
    "the rest of what this build says is not kept: it is more than 4 MiB";

}  // namespace

std::string_view status_name(BuildStatus status) {
  return kStatusNames.at(static_cast<std::size_t>(status));
}

std::optional<BuildStatus> build_status_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kStatusNames.size(); ++i) {
    if (kStatusNames.at(i) == name) return static_cast<BuildStatus>(i);
  }
  return std::nullopt;
}

Result<Build> BuildStore::create(Build build) {
  build.id = base::new_id(kBuildPrefix);
  build.status = BuildStatus::kWaiting;
  build.created_at = clock_();
  WRENN_TRY_ASSIGN(
      const std::int64_t made,
      database_.write().execute(
          "INSERT INTO template_builds (id, team_id, name, tag, definition, status, created_by, "
          "created_at) SELECT $1, $2, $3, $4, $5, 'waiting', $6, $7 WHERE (SELECT COUNT(*) FROM "
          "template_builds WHERE team_id = $2 AND status IN ('waiting', 'building')) < $8",
          {build.id, build.team_id, build.name, build.tag, build.definition, build.created_by,
           build.created_at, std::int64_t{kMaxWaiting}}));
  if (made == 1) return build;
  return base::fail(Code::kResourceExhausted,
                    concat("the team has ", kMaxWaiting, " builds that are not over"),
                    "wait until one is, or cancel one");
}

Result<Build> BuildStore::get(std::string_view team_id, std::string_view id) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(
          concat("SELECT ", kColumns, " FROM template_builds WHERE team_id = $1 AND id = $2"),
          {std::string(team_id), std::string(id)}));
  if (rows.empty()) return base::fail(Code::kNotFound, concat("there is no build ", id));
  return read_build(rows.front());
}

Result<std::vector<Build>> BuildStore::list(std::string_view team_id, const BuildQuery& query) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(
          concat("SELECT ", kColumns,
                 " FROM template_builds WHERE team_id = $1 AND ($2 = '' OR name = $2) "
                 "AND ($3 = '' OR (created_at, id) < (SELECT created_at, id FROM template_builds "
                 "WHERE team_id = $1 AND id = $3)) ORDER BY created_at DESC, id DESC LIMIT $4"),
          {std::string(team_id), query.name, query.after, std::int64_t{query.limit}}));
  std::vector<Build> builds;
  for (const Row& row : rows) builds.push_back(read_build(row));
  return builds;
}

Result<std::vector<Build>> BuildStore::list_active(const std::vector<std::string>& teams,
                                                   std::int64_t since) {
  std::vector<Build> builds;
  if (teams.empty()) return builds;
  std::vector<Value> args = {since};
  const std::string select = concat("SELECT ", kShortColumns, " FROM template_builds WHERE ",
                                    is_one_of("team_id", teams, args), " AND ");
  // Two, so that each has an index of its own.
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(concat(select, "status IN ('waiting', 'building') UNION ALL ", select,
                                    "finished_at >= $1"),
                             args));
  for (const Row& row : rows) builds.push_back(read_build(row));
  return builds;
}

Result<bool> BuildStore::cancel(std::string_view team_id, std::string_view id) {
  WRENN_TRY_ASSIGN(
      const std::int64_t changed,
      database_.write().execute("UPDATE template_builds SET status = 'canceled', finished_at = $3 "
                                "WHERE team_id = $1 AND id = $2 "
                                "AND status IN ('waiting', 'building')",
                                {std::string(team_id), std::string(id), clock_()}));
  return changed == 1;
}

Result<std::optional<Build>> BuildStore::claim(std::int64_t lease_ms) {
  const std::int64_t now = clock_();
  // Mostly there is nothing to do: no transaction for that.
  constexpr std::string_view kDue =
      "SELECT b.id FROM template_builds b WHERE b.status IN ('waiting', 'building') "
      "AND b.claimed_until <= $1 ORDER BY (SELECT COUNT(*) FROM template_builds o WHERE "
      "o.team_id = b.team_id AND o.status = 'building' AND o.claimed_until > $1), "
      "b.created_at, b.id LIMIT 1";
  WRENN_TRY_ASSIGN(const auto due, database_.read().query(kDue, {now}));
  if (due.empty()) return std::nullopt;
  Session session = database_.write();
  WRENN_TRY_ASSIGN(Transaction transaction,
                   Transaction::begin(session, TransactionKind::kExclusive));
  WRENN_TRY_ASSIGN(
      const auto rows,
      session.query(concat("UPDATE template_builds SET status = 'building', claimed_until = $2, "
                           "attempts = attempts + 1, started_at = COALESCE(started_at, $1) "
                           "WHERE id IN (",
                           kDue, ") RETURNING ", kColumns),
                    {now, now + lease_ms}));
  WRENN_TRY(transaction.commit());
  if (rows.empty()) return std::nullopt;
  return read_build(rows.front());
}

Result<bool> BuildStore::renew(const Build& build, const BuildProgress& progress,
                               std::int64_t lease_ms) {
  WRENN_TRY_ASSIGN(
      const std::int64_t changed,
      database_.write().execute(
          concat("UPDATE template_builds SET claimed_until = $3, step = $4, "
                 "steps = $5, cached_steps = $6 WHERE ",
                 kIsOwn),
          {build.id, std::int64_t{build.attempts}, clock_() + lease_ms, std::int64_t{progress.step},
           std::int64_t{progress.steps}, std::int64_t{progress.cached_steps}}));
  return changed == 1;
}

Result<bool> BuildStore::finish(const Build& build, const BuildEnd& end) {
  WRENN_TRY_ASSIGN(
      const std::int64_t changed,
      database_.write().execute(
          concat("UPDATE template_builds SET status = $3, template_id = $4, "
                 "error = $5, finished_at = $6 WHERE ",
                 kIsOwn),
          {build.id, std::int64_t{build.attempts}, std::string(status_name(end.status)),
           end.template_id, end.error, clock_()}));
  return changed == 1;
}

Result<void> BuildStore::give_back(const Build& build) {
  WRENN_TRY(database_.write().execute(
      concat("UPDATE template_builds SET claimed_until = 0 WHERE ", kIsOwn),
      {build.id, std::int64_t{build.attempts}}));
  return {};
}

Result<void> BuildStore::append_log(std::string_view id, std::vector<BuildLogLine> lines) {
  if (lines.empty()) return {};
  const std::int64_t now = clock_();
  std::int64_t bytes = 0;
  for (const BuildLogLine& line : lines) bytes += static_cast<std::int64_t>(line.text.size());
  Session session = database_.write();
  WRENN_TRY_ASSIGN(Transaction transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(const auto rows,
                   session.query("UPDATE template_builds SET log_bytes = log_bytes + $2 "
                                 "WHERE id = $1 AND log_bytes <= $3 RETURNING log_bytes, log_lines",
                                 {std::string(id), bytes, kMaxLogBytes}));
  if (rows.empty()) return {};
  if (rows.front().integer(0) > kMaxLogBytes) {
    lines.push_back({.step = lines.back().step, .kind = "notice", .text = std::string(kTooMuch)});
  }
  std::int64_t number = rows.front().integer(1);
  for (BuildLogLine& line : lines) {
    WRENN_TRY(
        session.execute("INSERT INTO template_build_logs (build_id, number, at, step, kind, text) "
                        "VALUES ($1, $2, $3, $4, $5, $6)",
                        {std::string(id), ++number, now, std::int64_t{line.step},
                         std::move(line.kind), std::move(line.text)}));
  }
  WRENN_TRY(session.execute("UPDATE template_builds SET log_lines = $2 WHERE id = $1",
                            {std::string(id), number}));
  return transaction.commit();
}

Result<std::vector<BuildLogLine>> BuildStore::log(std::string_view id, std::int64_t after,
                                                  int limit) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query("SELECT number, at, step, kind, text FROM template_build_logs "
                             "WHERE build_id = $1 AND number > $2 ORDER BY number LIMIT $3",
                             {std::string(id), after, std::int64_t{limit}}));
  std::vector<BuildLogLine> lines;
  for (const Row& row : rows) {
    lines.push_back({.number = row.integer(0),
                     .at = row.integer(1),
                     .step = static_cast<int>(row.integer(2)),
                     .kind = row.text(3),
                     .text = row.text(4)});
  }
  return lines;
}

Result<std::int64_t> BuildStore::forget(std::int64_t before, std::int64_t limit) {
  WRENN_TRY_ASSIGN(const auto gone,
                   database_.write().query(
                       "DELETE FROM template_builds WHERE id IN (SELECT id FROM template_builds "
                       "WHERE finished_at < $1 ORDER BY finished_at LIMIT $2) RETURNING id",
                       {before, limit}));
  return static_cast<std::int64_t>(gone.size());
}

}  // namespace wrenn::db
