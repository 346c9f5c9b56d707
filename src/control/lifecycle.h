// Pausing and resuming a sandbox: the row in the database and the sandbox on its host together.
//
// Each change of the row is one guarded UPDATE, so of several who want the same change one makes
// it and the others wait for it, whatever thread or process they are in. For one loop each: that of
// the directory's clients.
#pragma once

#include <optional>
#include <string>

#include "base/time.h"
#include "control/api/errors.h"
#include "control/api/replies.h"
#include "control/busy_sandboxes.h"
#include "control/operations.h"
#include "db/host_store.h"
#include "db/sandbox_store.h"
#include "net/blocking.h"
#include "net/task.h"

namespace hostagent::v1 {
class Lifecycle;
class SandboxInfo;
}  // namespace hostagent::v1

namespace wrenn::control {

class Fleet;
class HostDirectory;

struct LifecycleServices {
  db::SandboxStore& sandboxes;  // From the pool only.
  db::HostStore& hosts;         // This, too.
  net::BlockingPool& database_pool;
  HostDirectory& directory;
  BusySandboxes& busy;
  Operations& operations;
  Fleet& fleet;
};

struct Changed {
  db::Sandbox sandbox;
  Timings timings_ms;  // Empty for who only waited.
};

// All of these end as they should when their client leaves: call them on a task of their own, or
// one that is not stopped then.

// `mode`: "memory" or "disk". A paused one stays as it is. kInvalidState for what is neither
// running nor paused.
net::Task<Answer<Changed>> pause_sandbox(LifecycleServices services, db::Sandbox sandbox,
                                         std::string mode);
// With the settings of the row, or new ones. One that runs gets the new ones, too; one that is just
// being paused is resumed afterwards.
net::Task<Answer<Changed>> resume_sandbox(LifecycleServices services, db::Sandbox sandbox,
                                          std::optional<db::LifecycleSettings> settings);
// Whether its host has just refused something because it is paused: a row that says otherwise is
// out of date then.
enum class Asleep { kBySomeRow, kByItsHost };
// For who needs it running: resumes it, within 30 s, or 2 min from object storage. kInvalidState
// for one that may not be woken.
net::Task<Answer<Changed>> wake_sandbox(LifecycleServices services, db::Sandbox sandbox,
                                        Asleep asleep);
// Paused or hibernated, or on the way to it or from it.
bool is_asleep(db::SandboxState state);
// kInvalidState for one that has ended.
net::Task<Answer<db::Sandbox>> change_lifecycle(LifecycleServices services, db::Sandbox sandbox,
                                                db::LifecycleSettings settings);

db::LifecycleSettings settings_of(const db::Sandbox& sandbox);
// Its end counted from now.
db::LifecycleSettings begun_now(db::LifecycleSettings settings);
void to_rpc(const db::LifecycleSettings& settings, hostagent::v1::Lifecycle& message);
// What a host says of a sandbox that runs there.
db::SandboxChanges seen_on_host(const hostagent::v1::SandboxInfo& info);
// Why the host paused it by itself, for people.
std::string pause_explanation(std::string_view reason, int timeout_sec);

ApiError wrong_state(const db::Sandbox& sandbox, std::string_view needed);

}  // namespace wrenn::control
