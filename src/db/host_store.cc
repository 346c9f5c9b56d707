#include "db/host_store.h"

#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::Result;

// In the order that read_host() takes.
constexpr std::string_view kColumns =
    "id, name, address, status, last_seen_at, created_at, kind, team_id, draining_since";

}  // namespace

Result<Host> read_host(const Row& row) {
  const auto status = status_from_name(row.text(3));
  if (!status) return base::fail(Code::kDataLoss, "a host of unknown status in the database");
  return Host{.id = row.text(0),
              .name = row.text(1),
              .address = row.text(2),
              .status = *status,
              .last_seen_at = row.maybe_integer(4),
              .created_at = row.integer(5),
              .is_registered = row.text(6) == "registered",
              .team_id = row.maybe_text(7),
              .is_draining = !row.is_null(8)};
}

std::string_view status_name(HostStatus status) {
  switch (status) {
    case HostStatus::kOnline:
      return "online";
    case HostStatus::kUnreachable:
      return "unreachable";
    case HostStatus::kOffline:
      return "offline";
  }
  return "unknown";
}

std::optional<HostStatus> status_from_name(std::string_view name) {
  for (const auto status : {HostStatus::kOnline, HostStatus::kUnreachable, HostStatus::kOffline}) {
    if (status_name(status) == name) return status;
  }
  return std::nullopt;
}

Result<Host> HostStore::upsert(const Host& host) {
  const std::int64_t now = clock_();
  std::optional<std::int64_t> seen;
  if (host.status == HostStatus::kOnline) seen = now;
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.write().query(
          base::concat(
              "INSERT INTO hosts (id, name, address, status, last_seen_at, created_at) "
              "VALUES ($1, $2, $3, $4, $5, $6) "
              "ON CONFLICT (id) DO UPDATE SET name = excluded.name, address = excluded.address, "
              "status = excluded.status, "
              "last_seen_at = COALESCE(excluded.last_seen_at, hosts.last_seen_at) "
              "RETURNING ",
              kColumns),
          {host.id, host.name, host.address, std::string(status_name(host.status)), nullable(seen),
           now}));
  if (rows.empty()) return base::fail(Code::kInternal, "the host was not stored");
  return read_host(rows.front());
}

Result<Host> HostStore::get(std::string_view id) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(base::concat("SELECT ", kColumns, " FROM hosts WHERE id = $1"),
                             {std::string(id)}));
  if (rows.empty()) return base::fail(Code::kNotFound, "host not found");
  return read_host(rows.front());
}

Result<std::vector<Host>> HostStore::list() {
  WRENN_TRY_ASSIGN(const auto rows, database_.read().query(base::concat(
                                        "SELECT ", kColumns,
                                        " FROM hosts WHERE removed_at IS NULL ORDER BY name, id")));
  std::vector<Host> hosts;
  for (const auto& row : rows) {
    WRENN_TRY_ASSIGN(Host host, read_host(row));
    hosts.push_back(std::move(host));
  }
  return hosts;
}

Result<bool> HostStore::heartbeat(std::string_view id) {
  WRENN_TRY_ASSIGN(const std::int64_t found,
                   database_.write().execute(
                       "UPDATE hosts SET status = 'online', last_seen_at = $1 WHERE id = $2 "
                       "AND removed_at IS NULL",
                       {clock_(), std::string(id)}));
  return found == 1;
}

Result<bool> HostStore::mark_up(std::string_view id) {
  WRENN_TRY_ASSIGN(const std::int64_t changed,
                   database_.write().execute("UPDATE hosts SET status = 'online' WHERE id = $1 "
                                             "AND status = 'unreachable' AND removed_at IS NULL",
                                             {std::string(id)}));
  return changed == 1;
}

Result<bool> HostStore::mark_silent(std::string_view id, std::int64_t silence_ms) {
  WRENN_TRY_ASSIGN(
      const std::int64_t changed,
      database_.write().execute("UPDATE hosts SET status = 'unreachable' WHERE id = $1 "
                                "AND status = 'online' AND last_seen_at < $2",
                                {std::string(id), clock_() - silence_ms}));
  return changed == 1;
}

}  // namespace wrenn::db
