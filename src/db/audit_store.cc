#include "db/audit_store.h"

#include <array>

#include "base/strings.h"
#include "db/channel_store.h"

namespace wrenn::db {
namespace {

using base::concat;
using base::Result;

// In the order that arguments_of() and read_entry() have.
constexpr std::string_view kColumns =
    "id, team_id, actor_type, actor_id, actor_name, action, resource_type, resource_id, scope, "
    "status, code, client_address, user_agent, request_id, metadata, created_at";

std::vector<Value> arguments_of(const AuditEntry& entry) {
  return {entry.id,
          entry.team_id,
          std::string(actor_name(entry.actor)),
          entry.actor_id,
          entry.actor_name,
          entry.action,
          entry.resource_type,
          entry.resource_id,
          std::string(entry.is_for_admins ? "admin" : "team"),
          std::string(entry.code.empty() ? "success" : "failure"),
          entry.code,
          entry.client_address,
          entry.user_agent,
          entry.request_id,
          entry.metadata,
          entry.at};
}

AuditActor actor_from_name(std::string_view name) {
  for (const auto actor : {AuditActor::kUser, AuditActor::kApiKey, AuditActor::kSystem}) {
    if (actor_name(actor) == name) return actor;
  }
  return AuditActor::kAnonymous;
}

AuditEntry read_entry(const Row& row) {
  return {.id = row.text(0),
          .team_id = row.text(1),
          .actor = actor_from_name(row.text(2)),
          .actor_id = row.text(3),
          .actor_name = row.text(4),
          .action = row.text(5),
          .resource_type = row.text(6),
          .resource_id = row.text(7),
          .is_for_admins = row.text(8) == "admin",
          .code = row.text(10),
          .client_address = row.text(11),
          .user_agent = row.text(12),
          .request_id = row.text(13),
          .metadata = row.text(14),
          .at = row.integer(15)};
}

// A statement that grows with what is asked for.
class Filter {
 public:
  std::string place(Value value) {
    args_.push_back(std::move(value));
    return concat("$", args_.size());
  }
  void require(std::string_view condition) {
    where_ += concat(where_.empty() ? " WHERE " : " AND ", condition);
  }
  void require_any(std::string_view column, const std::vector<std::string>& values) {
    if (!values.empty()) require(is_one_of(column, values, args_));
  }
  const std::string& where() const { return where_; }
  const std::vector<Value>& args() const { return args_; }

 private:
  std::string where_;
  std::vector<Value> args_;
};

// For LIKE ... ESCAPE '!': this text, somewhere.
std::string pattern_of(std::string_view text) {
  std::string pattern = "%";
  for (const char letter : text) {
    if (letter == '%' || letter == '_' || letter == '!') pattern += '!';
    pattern += letter;
  }
  return pattern + "%";
}

}  // namespace

std::string_view actor_name(AuditActor actor) {
  switch (actor) {
    case AuditActor::kUser:
      return "user";
    case AuditActor::kApiKey:
      return "api_key";
    case AuditActor::kSystem:
      return "system";
    case AuditActor::kAnonymous:
      break;
  }
  return "anonymous";
}

Result<void> AuditStore::add(std::span<const AuditEntry> entries) {
  if (entries.empty()) return {};
  Session session = database_.write();
  WRENN_TRY_ASSIGN(Transaction transaction,
                   Transaction::begin(session, TransactionKind::kUnsynced));
  const std::string sql = concat("INSERT INTO audit_logs (", kColumns,
                                 ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, "
                                 "$13, $14, $15, $16) ON CONFLICT (id) DO NOTHING");
  for (const AuditEntry& entry : entries) {
    WRENN_TRY_ASSIGN(const std::int64_t added, session.execute(sql, arguments_of(entry)));
    if (added == 1) WRENN_TRY(enqueue_deliveries(session, entry));
  }
  return transaction.commit();
}

Result<std::vector<AuditEntry>> AuditStore::list(const AuditQuery& query) {
  Filter filter;
  if (query.team_id) filter.require(concat("team_id = ", filter.place(*query.team_id)));
  if (!query.with_admins) filter.require("scope = 'team'");
  filter.require_any("action", query.actions);
  filter.require_any("resource_type", query.resource_types);
  filter.require_any("resource_id", query.resource_ids);
  if (!query.actor.empty()) {
    filter.require(concat("LOWER(actor_name || ' ' || actor_id || ' ' || actor_type) LIKE LOWER(",
                          filter.place(pattern_of(query.actor)), ") ESCAPE '!'"));
  }
  if (query.after) filter.require(concat("created_at >= ", filter.place(*query.after)));
  if (query.before) {
    const std::string at = filter.place(query.before->at);
    const std::string id = filter.place(query.before->id);
    filter.require(concat("(created_at, id) < (", at, ", ", id, ")"));
  }
  const std::string limit = filter.place(query.limit);
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(concat("SELECT ", kColumns, " FROM audit_logs", filter.where(),
                                    " ORDER BY created_at DESC, id DESC LIMIT ", limit),
                             filter.args()));
  std::vector<AuditEntry> entries;
  entries.reserve(rows.size());
  for (const Row& row : rows) entries.push_back(read_entry(row));
  return entries;
}

Result<std::vector<AuditEntry>> AuditStore::list_done(const std::vector<std::string>& teams,
                                                      std::string_view resource_type,
                                                      std::int64_t since, std::int64_t limit) {
  std::vector<AuditEntry> entries;
  if (teams.empty()) return entries;
  Filter filter;
  filter.require_any("team_id", teams);
  filter.require(concat("created_at >= ", filter.place(since)));
  filter.require(concat("resource_type = ", filter.place(std::string(resource_type))));
  filter.require("status = 'success'");
  const std::string limit_place = filter.place(limit);
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(concat("SELECT ", kColumns, " FROM audit_logs", filter.where(),
                                    " ORDER BY created_at, id LIMIT ", limit_place),
                             filter.args()));
  for (const Row& row : rows) entries.push_back(read_entry(row));
  return entries;
}

Result<std::int64_t> AuditStore::forget(std::int64_t before, std::int64_t limit) {
  return database_.write().execute(
      "DELETE FROM audit_logs WHERE id IN (SELECT id FROM audit_logs WHERE created_at < $1 "
      "ORDER BY created_at, id LIMIT $2)",
      {before, limit});
}

}  // namespace wrenn::db
