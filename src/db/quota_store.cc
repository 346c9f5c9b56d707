#include "db/quota_store.h"

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "db/team.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::int64_t kMinuteMs = 60'000;
// In the order that read_quota() takes.
constexpr std::string_view kColumns =
    "sandboxes, vcpus, memory_mb, disk_mb, creates_per_minute, updated_at";

StoredQuota read_quota(const Row& row) {
  return {.quota = {.sandboxes = row.maybe_integer(0),
                    .vcpus = row.maybe_integer(1),
                    .memory_mb = row.maybe_integer(2),
                    .disk_mb = row.maybe_integer(3),
                    .creates_per_minute = row.maybe_integer(4)},
          .updated_at = row.integer(5)};
}

Result<std::optional<StoredQuota>> find(Session& session, std::string_view team_id) {
  WRENN_TRY_ASSIGN(const auto rows, session.query(concat("SELECT ", kColumns,
                                                         " FROM team_quotas WHERE team_id = $1"),
                                                  {std::string(team_id)}));
  if (rows.empty()) return std::nullopt;
  return read_quota(rows.front());
}

// Whoever runs the platform limits others, not itself.
Result<Quota> effective_quota(Session& session, std::string_view team_id) {
  const std::string_view fallback = team_id == kDefaultTeam ? team_id : kQuotaOfAll;
  WRENN_TRY_ASSIGN(
      const auto rows,
      session.query(concat("SELECT ", kColumns,
                           " FROM team_quotas WHERE team_id IN ($1, $2) ORDER BY team_id DESC "
                           "LIMIT 1"),
                    {std::string(team_id), std::string(fallback)}));
  if (rows.empty()) return Quota();
  return read_quota(rows.front()).quota;
}

// One that is missing is where it was: it runs there, unless it was paused.
Result<QuotaUse> use_of(Session& session, std::string_view team_id, std::int64_t now) {
  constexpr std::string_view kRuns =
      "CASE WHEN status IN ('pending', 'starting', 'running', 'pausing', 'resuming') "
      "OR (status = 'missing' AND pause_mode = '') THEN ";
  WRENN_TRY_ASSIGN(
      const auto rows,
      session.query(concat("SELECT COUNT(*), COALESCE(SUM(", kRuns,
                           "vcpus ELSE 0 END), 0), COALESCE(SUM(", kRuns,
                           "memory_mb ELSE 0 END), 0), COALESCE(SUM(disk_mb), 0) FROM sandboxes "
                           "WHERE team_id = $1 AND status NOT IN ('stopped', 'error')"),
                    {std::string(team_id)}));
  WRENN_TRY_ASSIGN(const auto made, session.query("SELECT COUNT(*) FROM sandboxes "
                                                  "WHERE team_id = $1 AND created_at > $2",
                                                  {std::string(team_id), now - kMinuteMs}));
  const Row& row = rows.front();
  return QuotaUse{.sandboxes = row.integer(0),
                  .vcpus = row.integer(1),
                  .memory_mb = row.integer(2),
                  .disk_mb = row.integer(3),
                  .creates = made.front().integer(0)};
}

struct Limit {
  std::string_view name;
  std::optional<std::int64_t> most;
  std::int64_t used = 0;
  std::int64_t asked = 0;
  std::string_view remedy;

  bool is_exceeded() const { return most && asked > 0 && used + asked > *most; }
};

// How long until `asked` more may be created; 0 for more than are ever allowed at once.
Result<std::int64_t> wait_ms(Session& session, std::string_view team_id, const Limit& rate,
                             std::int64_t now) {
  if (!rate.is_exceeded() || rate.asked > *rate.most) return 0;
  // There is room for all when the last of those that leave too little is a minute old.
  WRENN_TRY_ASSIGN(const auto rows,
                   session.query("SELECT created_at FROM sandboxes WHERE team_id = $1 "
                                 "ORDER BY created_at DESC LIMIT 1 OFFSET $2",
                                 {std::string(team_id), *rate.most - rate.asked}));
  const std::int64_t free_at = rows.empty() ? now : rows.front().integer(0) + kMinuteMs;
  return std::clamp<std::int64_t>(free_at - now, 1, kMinuteMs);
}

}  // namespace

Result<std::optional<StoredQuota>> QuotaStore::get(std::string_view team_id) {
  Session session = database_.read();
  return find(session, team_id);
}

Result<Quota> QuotaStore::effective(std::string_view team_id) {
  Session session = database_.read();
  return effective_quota(session, team_id);
}

Result<std::optional<StoredQuota>> QuotaStore::set(std::string_view team_id, const Quota& quota,
                                                   std::optional<std::int64_t> seen) {
  Session session = database_.write();
  WRENN_TRY_ASSIGN(Transaction transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(const auto old, find(session, team_id));
  if (seen && *seen != (old ? old->updated_at : 0)) return std::nullopt;
  if (team_id != kQuotaOfAll) {
    WRENN_TRY_ASSIGN(const auto teams,
                     session.query("SELECT 1 FROM teams WHERE id = $1 AND deleted_at IS NULL",
                                   {std::string(team_id)}));
    if (teams.empty()) return base::fail(Code::kNotFound, "there is no such team");
  }
  // Of two changes within a millisecond, whoever has seen the first must not overwrite the second.
  const std::int64_t at = std::max(clock_(), old ? old->updated_at + 1 : 0);
  WRENN_TRY(session.execute(
      "INSERT INTO team_quotas (team_id, sandboxes, vcpus, memory_mb, disk_mb, "
      "creates_per_minute, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7) "
      "ON CONFLICT (team_id) DO UPDATE SET sandboxes = $2, vcpus = $3, memory_mb = $4, "
      "disk_mb = $5, creates_per_minute = $6, updated_at = $7",
      {std::string(team_id), nullable(quota.sandboxes), nullable(quota.vcpus),
       nullable(quota.memory_mb), nullable(quota.disk_mb), nullable(quota.creates_per_minute),
       at}));
  WRENN_TRY(transaction.commit());
  return StoredQuota{quota, at};
}

Result<bool> QuotaStore::remove(std::string_view team_id) {
  WRENN_TRY_ASSIGN(const std::int64_t removed,
                   database_.write().execute("DELETE FROM team_quotas WHERE team_id = $1",
                                             {std::string(team_id)}));
  return removed == 1;
}

Result<QuotaUse> QuotaStore::use(std::string_view team_id) {
  Session session = database_.read();
  return use_of(session, team_id, clock_());
}

Result<std::int64_t> QuotaStore::create_wait_ms(std::string_view team_id, int count) {
  const std::int64_t now = clock_();
  Session session = database_.read();
  WRENN_TRY_ASSIGN(const Quota quota, effective_quota(session, team_id));
  WRENN_TRY_ASSIGN(const QuotaUse used, use_of(session, team_id, now));
  return wait_ms(session, team_id,
                 {"creates", quota.creates_per_minute, used.creates, std::int64_t{count}, {}}, now);
}

Result<void> check_quota(Session& session, std::string_view team_id, const QuotaUse& asked,
                         std::int64_t now) {
  WRENN_TRY_ASSIGN(const Quota quota, effective_quota(session, team_id));
  if (quota == Quota()) return {};
  WRENN_TRY_ASSIGN(const QuotaUse used, use_of(session, team_id, now));
  constexpr std::string_view kDestroy = "destroy some, or have an administrator raise the quota";
  constexpr std::string_view kPause = "pause or destroy some, or have an administrator raise it";
  const std::array limits = {
      Limit{"sandboxes", quota.sandboxes, used.sandboxes, asked.sandboxes, kDestroy},
      Limit{"vcpus", quota.vcpus, used.vcpus, asked.vcpus, kPause},
      Limit{"memory_mb", quota.memory_mb, used.memory_mb, asked.memory_mb, kPause},
      Limit{"disk_mb", quota.disk_mb, used.disk_mb, asked.disk_mb, kDestroy},
  };
  for (const Limit& limit : limits) {
    if (!limit.is_exceeded()) continue;
    return base::fail(Code::kOutOfRange,
                      concat("the team's quota is ", *limit.most, " ", limit.name, ", of which ",
                             limit.used, " are in use, and this asks for ", limit.asked),
                      std::string(limit.remedy));
  }
  const Limit rate{"creates", quota.creates_per_minute, used.creates, asked.creates, {}};
  if (!rate.is_exceeded()) return {};
  WRENN_TRY_ASSIGN(const std::int64_t wait, wait_ms(session, team_id, rate, now));
  return base::fail(Code::kOutOfRange,
                    concat("the team may create ", *rate.most,
                           " sandboxes a minute, and has created ", rate.used),
                    wait > 0 ? concat("ask again in ", (wait + 999) / 1000, " s")
                             : concat("ask for at most ", *rate.most, " at once"));
}

}  // namespace wrenn::db
