#include "db/sandbox_store.h"

#include <algorithm>

#include <boost/json.hpp>

#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;
namespace json = boost::json;

constexpr int kMaxPage = 1000;
constexpr std::int64_t kTouchEveryMs = 1000;
// What every SELECT and RETURNING names, in the order that read_sandbox() takes.
constexpr std::string_view kColumns =
    "id, team_id, host_id, template, status, vcpus, memory_mb, disk_mb, timeout_sec, metadata, "
    "host_ip, error_message, created_at, started_at, last_active_at, updated_at, stopped_at, "
    "max_lifetime_sec, end_at, on_timeout, auto_resume, pause_mode, pause_reason, paused_at, "
    "archive, archive_bytes";

Result<std::string> metadata_text(const std::map<std::string, std::string>& metadata) {
  json::object object;
  for (const auto& [key, value] : metadata) {
    if (!base::is_valid_utf8(key) || !base::is_valid_utf8(value)) {
      return base::fail(Code::kInvalidArgument, "metadata is not valid UTF-8");
    }
    object.emplace(key, value);
  }
  return json::serialize(object);
}

Result<std::map<std::string, std::string>> parse_metadata(const std::string& text) {
  json::error_code error;
  const json::value value = json::parse(text, error);
  if (error || !value.is_object()) {
    return base::fail(Code::kDataLoss, "broken sandbox metadata in the database");
  }
  std::map<std::string, std::string> metadata;
  for (const auto& entry : value.get_object()) {
    if (entry.value().is_string()) metadata.emplace(entry.key(), entry.value().get_string());
  }
  return metadata;
}

std::optional<Archive> archive_from_name(std::string_view name) {
  for (const auto archive : {Archive::kNone, Archive::kCurrent, Archive::kStale}) {
    if (archive_name(archive) == name) return archive;
  }
  return std::nullopt;
}

Result<Sandbox> read_sandbox(const Row& row) {
  const auto status = state_from_name(row.text(4));
  if (!status) return base::fail(Code::kDataLoss, "a sandbox of unknown status in the database");
  const auto archive = archive_from_name(row.text(24));
  if (!archive) return base::fail(Code::kDataLoss, "a sandbox of unknown archive in the database");
  WRENN_TRY_ASSIGN(auto metadata, parse_metadata(row.text(9)));
  return Sandbox{.id = row.text(0),
                 .team_id = row.text(1),
                 .host_id = row.maybe_text(2),
                 .template_name = row.text(3),
                 .status = *status,
                 .vcpus = static_cast<int>(row.integer(5)),
                 .memory_mb = static_cast<int>(row.integer(6)),
                 .disk_mb = static_cast<int>(row.integer(7)),
                 .timeout_sec = static_cast<int>(row.integer(8)),
                 .max_lifetime_sec = static_cast<int>(row.integer(17)),
                 .end_at = row.integer(18),
                 .on_timeout = row.text(19),
                 .auto_resume = row.integer(20) != 0,
                 .pause_mode = row.text(21),
                 .pause_reason = row.text(22),
                 .paused_at = row.maybe_integer(23),
                 .archive = *archive,
                 .archive_bytes = row.integer(25),
                 .metadata = std::move(metadata),
                 .host_ip = row.text(10),
                 .error_message = row.text(11),
                 .created_at = row.integer(12),
                 .started_at = row.maybe_integer(13),
                 .last_active_at = row.maybe_integer(14),
                 .updated_at = row.integer(15),
                 .stopped_at = row.maybe_integer(16)};
}

Result<std::vector<Sandbox>> read_all(const std::vector<Row>& rows) {
  std::vector<Sandbox> sandboxes;
  sandboxes.reserve(rows.size());
  for (const auto& row : rows) {
    WRENN_TRY_ASSIGN(Sandbox sandbox, read_sandbox(row));
    sandboxes.push_back(std::move(sandbox));
  }
  return sandboxes;
}

Result<Sandbox> read_one(const std::vector<Row>& rows) {
  if (rows.empty()) return base::fail(Code::kNotFound, "sandbox not found");
  return read_sandbox(rows.front());
}

Result<void> check_transition(const std::vector<SandboxState>& from, SandboxState to) {
  if (from.empty()) return base::fail(Code::kInvalidArgument, "no state to change from");
  for (const auto state : from) {
    if (!may_change(state, to)) {
      return base::fail(Code::kInvalidArgument, concat("a sandbox cannot go from ",
                                                       state_name(state), " to ", state_name(to)));
    }
  }
  return {};
}

// The change of state, and with it all that does not outlive a sandbox: both or neither.
Result<bool> end(Session& session, std::string_view id, std::string_view update,
                 const std::vector<Value>& args) {
  WRENN_TRY_ASSIGN(Transaction transaction, Transaction::begin(session));
  WRENN_TRY_ASSIGN(const std::int64_t changed, session.execute(update, args));
  if (changed != 1) return false;
  WRENN_TRY(session.execute("DELETE FROM public_ports WHERE sandbox_id = $1", {std::string(id)}));
  WRENN_TRY(transaction.commit());
  return true;
}

}  // namespace

std::string_view archive_name(Archive archive) {
  switch (archive) {
    case Archive::kCurrent:
      return "current";
    case Archive::kStale:
      return "stale";
    case Archive::kNone:
      break;
  }
  return "";
}

Result<Sandbox> SandboxStore::insert(Sandbox sandbox) {
  WRENN_TRY_ASSIGN(std::string metadata, metadata_text(sandbox.metadata));
  const std::int64_t now = clock_();
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.write().query(
          concat(
              "INSERT INTO sandboxes (id, team_id, host_id, template, status, vcpus, memory_mb, "
              "disk_mb, timeout_sec, metadata, host_ip, created_at, updated_at, "
              "max_lifetime_sec, end_at, on_timeout, auto_resume) "
              "SELECT $1, id, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $14, $15, $16 "
              "FROM teams WHERE id = $2 RETURNING ",
              kColumns),
          {sandbox.id, sandbox.team_id, nullable(sandbox.host_id), sandbox.template_name,
           std::string(state_name(sandbox.status)), std::int64_t{sandbox.vcpus},
           std::int64_t{sandbox.memory_mb}, std::int64_t{sandbox.disk_mb},
           std::int64_t{sandbox.timeout_sec}, std::move(metadata), sandbox.host_ip, now,
           std::int64_t{sandbox.max_lifetime_sec}, sandbox.end_at, sandbox.on_timeout,
           std::int64_t{sandbox.auto_resume ? 1 : 0}}));
  if (rows.empty()) return base::fail(Code::kNotFound, "team not found");
  return read_sandbox(rows.front());
}

Result<Sandbox> SandboxStore::get(std::string_view team_id, std::string_view id) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query(concat("SELECT ", kColumns,
                                                 " FROM sandboxes WHERE id = $1 AND team_id = $2"),
                                          {std::string(id), std::string(team_id)}));
  return read_one(rows);
}

Result<Sandbox> SandboxStore::get_any_team(std::string_view id) {
  WRENN_TRY_ASSIGN(const auto rows, database_.read().query(concat("SELECT ", kColumns,
                                                                  " FROM sandboxes WHERE id = $1"),
                                                           {std::string(id)}));
  return read_one(rows);
}

Result<std::vector<Sandbox>> SandboxStore::list(std::string_view team_id, const SandboxPage& page) {
  std::string sql = concat("SELECT ", kColumns, " FROM sandboxes WHERE team_id = $1");
  std::vector<Value> args = {std::string(team_id),
                             std::int64_t{std::clamp(page.limit, 1, kMaxPage)}};
  if (page.listing == Listing::kActive) sql += " AND status NOT IN ('stopped', 'error')";
  if (page.before_created_at) {
    sql += " AND (created_at < $3 OR (created_at = $3 AND id < $4))";
    args.emplace_back(*page.before_created_at);
    args.emplace_back(page.before_id);
  }
  sql += " ORDER BY created_at DESC, id DESC LIMIT $2";
  WRENN_TRY_ASSIGN(const auto rows, database_.read().query(sql, args));
  return read_all(rows);
}

Result<std::vector<Sandbox>> SandboxStore::list_by_host(std::string_view host_id) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query(concat("SELECT ", kColumns,
                                                 " FROM sandboxes WHERE host_id = $1 "
                                                 "AND status NOT IN ('stopped', 'error') "
                                                 "ORDER BY created_at, id"),
                                          {std::string(host_id)}));
  return read_all(rows);
}

Result<bool> SandboxStore::transition(std::string_view id, const std::vector<SandboxState>& from,
                                      SandboxState to, const SandboxChanges& changes) {
  WRENN_TRY(check_transition(from, to));
  std::optional<std::string> metadata;
  if (changes.metadata) {
    WRENN_TRY_ASSIGN(metadata, metadata_text(*changes.metadata));
  }
  const std::int64_t now = clock_();
  const bool runs = to == SandboxState::kRunning;
  const bool pauses = to == SandboxState::kPaused;
  const bool ends = to == SandboxState::kStopped || to == SandboxState::kError;
  std::vector<Value> args = {std::string(id),
                             std::string(state_name(to)),
                             now,
                             nullable(changes.host_id),
                             nullable(changes.host_ip),
                             nullable(changes.error_message),
                             nullable(metadata),
                             runs ? Value(now) : Value(),
                             ends ? Value(now) : Value(),
                             pauses ? changes.pause_mode.value_or("") : "",
                             pauses ? changes.pause_reason.value_or("") : "",
                             pauses ? Value(now) : Value(),
                             nullable(changes.archive_bytes),
                             nullable(changes.pause_mode),
                             nullable(changes.pause_reason)};
  std::string sql =
      "UPDATE sandboxes SET status = $2, updated_at = $3, host_id = COALESCE($4, host_id), "
      "host_ip = COALESCE($5, host_ip), error_message = COALESCE($6, error_message), "
      "metadata = COALESCE($7, metadata), started_at = COALESCE(started_at, $8), "
      "last_active_at = COALESCE($8, last_active_at), stopped_at = COALESCE(stopped_at, $9), "
      "pause_mode = CASE WHEN $2 IN ('missing', 'hibernating') THEN pause_mode "
      "WHEN $2 = 'hibernated' THEN COALESCE($14, pause_mode) ELSE $10 END, "
      "pause_reason = CASE WHEN $2 IN ('missing', 'hibernating') THEN pause_reason "
      "WHEN $2 = 'hibernated' THEN COALESCE($15, pause_reason) ELSE $11 END, "
      "paused_at = CASE WHEN $2 IN ('missing', 'hibernating') THEN paused_at "
      "WHEN $2 = 'hibernated' THEN COALESCE(paused_at, $3) ELSE $12 END, "
      "archive = CASE WHEN $2 = 'hibernated' THEN 'current' "
      "WHEN $2 IN ('running', 'paused') AND archive = 'current' THEN 'stale' ELSE archive END, "
      "archive_bytes = COALESCE($13, archive_bytes) "
      "WHERE id = $1 AND status IN (";
  for (std::size_t i = 0; i < from.size(); ++i) {
    args.emplace_back(std::string(state_name(from[i])));
    sql += concat(i == 0 ? "$" : ", $", args.size());
  }
  sql += ")";
  Session session = database_.write();
  if (!ends) {
    WRENN_TRY_ASSIGN(const std::int64_t changed, session.execute(sql, args));
    return changed == 1;
  }
  return end(session, id, sql, args);
}

Result<bool> SandboxStore::move_to_host(std::string_view id, SandboxState state,
                                        std::string_view host_id) {
  WRENN_TRY_ASSIGN(const std::int64_t changed,
                   database_.write().execute("UPDATE sandboxes SET host_id = $3, updated_at = $4 "
                                             "WHERE id = $1 AND status = $2",
                                             {std::string(id), std::string(state_name(state)),
                                              std::string(host_id), clock_()}));
  return changed == 1;
}

Result<bool> SandboxStore::forget_archive(std::string_view id) {
  WRENN_TRY_ASSIGN(const std::int64_t changed,
                   database_.write().execute("UPDATE sandboxes SET archive = '', archive_bytes = 0 "
                                             "WHERE id = $1 AND archive = 'stale'",
                                             {std::string(id)}));
  return changed == 1;
}

Result<std::map<std::string, int>> SandboxStore::count_by_host() {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query("SELECT host_id, COUNT(*) FROM sandboxes WHERE status IN "
                                          "('pending', 'starting', 'running', 'resuming') "
                                          "AND host_id IS NOT NULL GROUP BY host_id"));
  std::map<std::string, int> counts;
  for (const auto& row : rows) counts.emplace(row.text(0), static_cast<int>(row.integer(1)));
  return counts;
}

Result<bool> SandboxStore::touch_active(std::string_view id) {
  const std::int64_t now = clock_();
  WRENN_TRY_ASSIGN(const auto rows, database_.read().query("SELECT last_active_at FROM sandboxes "
                                                           "WHERE id = $1 AND status = 'running'",
                                                           {std::string(id)}));
  if (rows.empty()) return false;
  if (!rows.front().is_null(0) && now - rows.front().integer(0) < kTouchEveryMs) return true;
  WRENN_TRY_ASSIGN(const std::int64_t changed,
                   database_.write().execute("UPDATE sandboxes SET last_active_at = $2 "
                                             "WHERE id = $1 AND status = 'running'",
                                             {std::string(id), now}));
  return changed == 1;
}

Result<bool> SandboxStore::set_lifecycle(std::string_view id, const LifecycleSettings& settings) {
  WRENN_TRY_ASSIGN(
      const std::int64_t changed,
      database_.write().execute(
          "UPDATE sandboxes SET timeout_sec = $2, max_lifetime_sec = $3, end_at = $4, "
          "on_timeout = $5, updated_at = $6 WHERE id = $1 AND status NOT IN ('stopped', 'error')",
          {std::string(id), std::int64_t{settings.timeout_sec},
           std::int64_t{settings.max_lifetime_sec}, settings.end_at, settings.on_timeout,
           clock_()}));
  return changed == 1;
}

}  // namespace wrenn::db
