#include "db/host_store.h"

#include "base/strings.h"
#include "db/sandbox_row.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::Result;

constexpr std::int64_t kGB = 1'000'000'000;
constexpr std::int64_t kMiB = 1 << 20;

// A host that said nothing but what it registered with has told its disk in GB.
HostCapacity read_capacity(const Row& row) {
  const std::int64_t disk_mb = row.integer(14);
  return {.cpu_cores = row.integer(10),
          .memory_mb = row.integer(11),
          .memory_reserved_mb = row.integer(12),
          .disk_mb = disk_mb > 0 ? disk_mb : row.integer(13) * kGB / kMiB};
}

}  // namespace

Result<Host> read_host(const Row& row) {
  const auto status = status_from_name(row.text(3));
  if (!status) return base::fail(Code::kDataLoss, "a host of unknown status in the database");
  WRENN_TRY_ASSIGN(auto labels, parse_texts(row.text(9)));
  return Host{.id = row.text(0),
              .name = row.text(1),
              .address = row.text(2),
              .status = *status,
              .last_seen_at = row.maybe_integer(4),
              .created_at = row.integer(5),
              .is_registered = row.text(6) == "registered",
              .team_id = row.maybe_text(7),
              .is_draining = !row.is_null(8),
              .labels = std::move(labels),
              .capacity = read_capacity(row),
              .memory_free_mb = row.maybe_integer(15),
              .disk_free_mb = row.maybe_integer(16)};
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
              kHostColumns),
          {host.id, host.name, host.address, std::string(status_name(host.status)), nullable(seen),
           now}));
  if (rows.empty()) return base::fail(Code::kInternal, "the host was not stored");
  return read_host(rows.front());
}

Result<Host> HostStore::get(std::string_view id) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(base::concat("SELECT ", kHostColumns, " FROM hosts WHERE id = $1"),
                             {std::string(id)}));
  if (rows.empty()) return base::fail(Code::kNotFound, "host not found");
  return read_host(rows.front());
}

Result<std::vector<Host>> HostStore::list() {
  WRENN_TRY_ASSIGN(const auto rows, database_.read().query(base::concat(
                                        "SELECT ", kHostColumns,
                                        " FROM hosts WHERE removed_at IS NULL ORDER BY name, id")));
  std::vector<Host> hosts;
  for (const auto& row : rows) {
    WRENN_TRY_ASSIGN(Host host, read_host(row));
    hosts.push_back(std::move(host));
  }
  return hosts;
}

Result<HostLoads> HostStore::loads(const std::vector<std::string>& hosts) {
  Session session = database_.read();
  return loads_of(session, hosts);
}

Result<bool> HostStore::heartbeat(std::string_view id, const std::optional<HostReport>& report) {
  std::string sql = "UPDATE hosts SET status = 'online', last_seen_at = $1";
  std::vector<Value> args = {clock_(), std::string(id)};
  if (report) {
    // What a host has registered with is its own word of the same.
    sql +=
        ", arch = $3, cpu_cores = $4, memory_mb = $5, memory_reserved_mb = $6, disk_mb = $7, "
        "disk_gb = CASE WHEN kind = 'registered' THEN disk_gb ELSE $8 END, memory_free_mb = $9, "
        "disk_free_mb = $10";
    const HostCapacity& has = report->capacity;
    args.insert(args.end(),
                {report->arch, has.cpu_cores, has.memory_mb, has.memory_reserved_mb, has.disk_mb,
                 has.disk_mb * kMiB / kGB, report->memory_free_mb, report->disk_free_mb});
  }
  WRENN_TRY_ASSIGN(
      const std::int64_t found,
      database_.write().execute(base::concat(sql, " WHERE id = $2 AND removed_at IS NULL"), args));
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
