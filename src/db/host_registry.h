// HostRegistry: the hosts that register over the network: who they are, what they register with,
// and what they prove with who they are. Blocking, thread-safe. Whether one answers is in
// HostStore.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "db/clock.h"
#include "db/database.h"
#include "db/host_store.h"
#include "db/labels.h"

namespace wrenn::db {

struct HostSpecs {
  std::string arch;  // "amd64"
  std::int64_t cpu_cores = 0;
  std::int64_t memory_mb = 0;
  std::int64_t disk_gb = 0;
};

struct HostCertificate {
  std::string pem;
  std::string serial;
  std::int64_t ends_at = 0;  // Milliseconds, as all times of the database.
};

// Where a host is called: IP:PORT, both.
struct HostEndpoints {
  std::string agent;
  std::string proxy;
};

struct RegisteredHost {
  Host host;
  HostSpecs specs;
  std::string proxy_address;
  HostCertificate certificate;
  std::optional<std::string> created_by;
  std::optional<std::int64_t> registered_at;  // Nothing: pending.
  std::optional<std::int64_t> last_heartbeat_at;

  bool is_pending() const { return !registered_at; }
};

struct NewHost {
  std::string name;
  std::optional<std::string> team_id;
  std::optional<std::string> created_by;
  std::map<std::string, std::string> labels;
};

enum class Draining { kNo, kYes };

class HostRegistry {
 public:
  // The database must be migrated and outlive the registry.
  explicit HostRegistry(Database& database, Clock clock = base::unix_ms_now)
      : database_(database), clock_(std::move(clock)) {}

  // Pending. kAlreadyExists when another host has the name.
  base::Result<RegisteredHost> create(const NewHost& host);
  // Removed ones are not found any more. Hosts that are named by flags are among them.
  base::Result<RegisteredHost> get(std::string_view id);  // kNotFound
  base::Result<std::vector<RegisteredHost>> list();       // By name.
  // Only those of the team.
  base::Result<std::vector<RegisteredHost>> list_of_team(std::string_view team_id);

  // The text of a token that the host can register with, once and for `lifetime`: 64 hexadecimal
  // digits. Earlier ones that were not used are good no more. kNotFound when there is no such host,
  // kFailedPrecondition when it has registered.
  base::Result<base::Secret> issue_token(std::string_view host_id,
                                         const std::optional<std::string>& created_by,
                                         base::Duration lifetime);
  // Whose token that is; it stays good. kUnauthenticated when it was never issued, was used, was
  // replaced, or has expired: one answer for all.
  base::Result<std::string> host_of_token(std::string_view token);
  // Uses the token up and takes the host in, or neither. kUnauthenticated as above.
  base::Result<RegisteredHost> complete(std::string_view token, const HostEndpoints& endpoints,
                                        const HostSpecs& specs, const HostCertificate& certificate);

  // A call that the host has signed at `signed_at`. False when that is not later than all before,
  // so that a call which somebody recorded counts for nothing; or when there is no such host.
  base::Result<bool> note_call(std::string_view id, std::int64_t signed_at);
  // The host says where it is called now, and what it has. False when there is no such host.
  base::Result<bool> note_heartbeat(std::string_view id, const HostEndpoints& endpoints,
                                    const HostSpecs& specs);
  // False when there is no such host.
  base::Result<bool> renew(std::string_view id, const HostCertificate& certificate);
  // kInvalidArgument when it would have more than kMaxLabels, kNotFound when there is no such host.
  base::Result<RegisteredHost> change_labels(std::string_view id, const LabelChanges& changes);
  base::Result<bool> set_draining(std::string_view id, Draining draining);
  // Its tokens and its certificate are good for nothing any more. Its sandboxes are the caller's
  // care. Not of a host that is named by flags: false.
  base::Result<bool> remove(std::string_view id);
  // Forgets tokens that are good for nothing any more.
  base::Result<void> clear_old_tokens();

 private:
  Database& database_;
  Clock clock_;
};

}  // namespace wrenn::db
