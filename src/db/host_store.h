// The hosts that run sandboxes. Blocking, thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "db/clock.h"
#include "db/database.h"
#include "db/host_capacity.h"

namespace wrenn::db {

enum class HostStatus { kOnline, kUnreachable, kOffline };
std::string_view status_name(HostStatus status);  // "online", ...
std::optional<HostStatus> status_from_name(std::string_view name);

struct Host {
  std::string id;  // "host-..."
  std::string name;
  std::string address;  // Of the agent's RPC listener: "127.0.0.1:9091".
  HostStatus status = HostStatus::kOnline;
  std::optional<std::int64_t> last_seen_at;
  std::int64_t created_at = 0;
  // What follows is HostRegistry's to set.
  bool is_registered = false;          // Over the network; else it is named by a flag.
  std::optional<std::string> team_id;  // Whose own it is; nothing: everybody's.
  bool is_draining = false;            // Nothing new is made there.
  std::map<std::string, std::string> labels;
  // And this is what its agent said last.
  HostCapacity capacity;
  std::optional<std::int64_t> memory_free_mb;
  std::optional<std::int64_t> disk_free_mb;
};

// What every SELECT and RETURNING begins with, in the order that read_host() takes.
inline constexpr std::string_view kHostColumns =
    "id, name, address, status, last_seen_at, created_at, kind, team_id, draining_since, labels, "
    "cpu_cores, memory_mb, memory_reserved_mb, disk_gb, disk_mb, memory_free_mb, disk_free_mb";
inline constexpr std::size_t kHostColumnCount = 17;
base::Result<Host> read_host(const Row& row);  // kDataLoss

class HostStore {
 public:
  explicit HostStore(Database& database, Clock clock = base::unix_ms_now)
      : database_(database), clock_(std::move(clock)) {}

  // Inserts, or updates name, address and status of the host with this id; created_at of the first
  // time stays. Both times are set by the store (an online host counts as seen).
  base::Result<Host> upsert(const Host& host);
  base::Result<Host> get(std::string_view id);  // kNotFound
  // By name; without those that were removed.
  base::Result<std::vector<Host>> list();
  // What each of these has to keep for its sandboxes.
  base::Result<HostLoads> loads(const std::vector<std::string>& hosts);
  // The host was heard, and may have said what it has: online, seen now. False when there is no
  // such host.
  base::Result<bool> heartbeat(std::string_view id,
                               const std::optional<HostReport>& report = std::nullopt);
  // An unreachable host is online again: true then. Its heartbeat says when it was seen.
  base::Result<bool> mark_up(std::string_view id);
  // An online host that was silent for longer than `silence_ms` becomes unreachable: true then.
  base::Result<bool> mark_silent(std::string_view id, std::int64_t silence_ms);

 private:
  Database& database_;
  Clock clock_;
};

}  // namespace wrenn::db
