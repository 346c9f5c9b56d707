// Sandboxes as the control plane wants and knows them. Blocking, thread-safe.
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
#include "db/labels.h"
#include "db/network_policy.h"
#include "db/sandbox_state.h"
#include "db/team.h"

namespace wrenn::db {

// What object storage has of a sandbox.
enum class Archive {
  kNone,
  kCurrent,  // All there is of it.
  kStale,    // The sandbox has gone on since: to be removed.
};
std::string_view archive_name(Archive archive);  // "", "current", "stale"

// Either of the two; neither for an image, and for those that were made before this was noted.
struct SandboxSource {
  std::string sandbox_id;     // It is a fork of it.
  std::string template_name;  // It was made from that version of it,
  std::int64_t version = 0;   // whatever its tags point to since.
};

struct Sandbox {
  std::string id;  // "cl-..."
  std::string team_id;
  std::optional<std::string> host_id;
  std::string template_name;
  SandboxSource source;
  SandboxState status = SandboxState::kPending;
  int vcpus = 1;
  int memory_mb = 512;
  int disk_mb = 0;
  int timeout_sec = 0;               // Without activity; 0: none.
  int max_lifetime_sec = 0;          // Since it was made or resumed; 0: none.
  std::int64_t end_at = 0;           // What that comes to; 0: never.
  std::string on_timeout = "pause";  // Or "kill": at either of them.
  bool auto_resume = true;           // By calls and traffic that need it running.
  std::string pause_mode;            // While paused: "memory" or "disk".
  std::string pause_reason;          // Why its host paused it, e.g. "idle"; empty: it was asked to.
  std::optional<std::int64_t> paused_at;
  Archive archive = Archive::kNone;
  std::int64_t archive_bytes = 0;
  std::map<std::string, std::string> metadata;
  std::map<std::string, std::string> labels;  // The users' own.
  // What a host must have for it to be made or woken there.
  std::map<std::string, std::string> host_labels;
  NetworkPolicy network;
  std::string host_ip;
  std::string error_message;
  std::int64_t created_at = 0;  // All times: milliseconds since 1970 UTC.
  std::optional<std::int64_t> started_at;
  std::optional<std::int64_t> last_active_at;
  std::int64_t updated_at = 0;
  std::optional<std::int64_t> stopped_at;
  std::string holder;  // The control plane that changes it just now; empty: none.
  std::int64_t held_until = 0;

  // Another control plane, which lives, sees to it.
  bool is_held_by_another(std::string_view own, std::int64_t now_ms) const {
    return !holder.empty() && holder != own && held_until > now_ms;
  }
};

// How long a hold counts that is not extended.
inline constexpr std::int64_t kHoldMs = 10'000;

// What to write along with a change of state; an empty field keeps its value.
struct SandboxChanges {
  std::optional<std::string> host_id;
  std::optional<std::string> host_ip;
  std::optional<std::string> error_message;
  std::optional<std::map<std::string, std::string>> metadata;
  std::optional<std::string> pause_mode;  // This and the next: of kPaused and kHibernated only.
  std::optional<std::string> pause_reason;
  std::optional<std::int64_t> archive_bytes;
};

// When a sandbox stops by itself.
struct LifecycleSettings {
  int timeout_sec = 0;
  int max_lifetime_sec = 0;
  std::int64_t end_at = 0;
  std::string on_timeout = "pause";
};

// The next page is what stands before created_at and id of the last sandbox had, newest first.
struct SandboxQuery {
  // Empty: all but stopped and error.
  std::vector<SandboxState> states;
  std::optional<std::string> template_name;
  std::map<std::string, std::string> labels;  // It has all of them.
  std::optional<std::string> parent;          // It is a fork of this one.
  std::optional<std::string> host_id;         // It is on this one.
  int limit = 100;                            // 1..kMaxSandboxPage
  std::optional<std::int64_t> before_created_at;
  std::string before_id;
};
inline constexpr int kMaxSandboxPage = 1000;

// Up to where somebody has seen what changed.
struct ChangeCursor {
  std::int64_t at = 0;  // updated_at
  std::string id;       // Empty: before all of that millisecond.
};

// What became of a sandbox that was to get a place on a host.
enum class Placing {
  kDone,
  kNotWanted,  // It is in another state than was said: somebody destroyed it, or was quicker.
  kNoRoom,     // On none of the hosts; nothing was changed.
};
struct Placement {
  Placing outcome = Placing::kNoRoom;
  std::string host_id;            // With kDone.
  std::vector<Sandbox> inserted;  // The rows as stored, when they are new.
  HostLoads loads;                // Of the hosts that were looked at, before.
};

class SandboxStore {
 public:
  // `holder`: of this control plane, among several on one database, and of no other, earlier ones
  // included. Empty: there is only one.
  explicit SandboxStore(Database& database, Clock clock = base::unix_ms_now,
                        std::string holder = {}, const Overcommit& overcommit = {})
      : database_(database),
        clock_(std::move(clock)),
        holder_(std::move(holder)),
        overcommit_(overcommit) {}

  // Sets created_at and updated_at and returns the row as stored. kAlreadyExists for a known id,
  // kNotFound for an unknown team.
  // kOutOfRange when its team would have more than its quota.
  base::Result<Sandbox> insert(Sandbox sandbox);
  // All of one team, or none.
  base::Result<std::vector<Sandbox>> insert_all(const std::vector<Sandbox>& sandboxes);
  // The same, on the first of the hosts that has room for all of them, however many ask at once.
  base::Result<Placement> insert_on(std::vector<Sandbox> sandboxes,
                                    const std::vector<std::string>& hosts);
  // kNotFound also for another team's.
  base::Result<Sandbox> get(std::string_view team_id, std::string_view id);
  // Whatever the team: for the data plane and for reconciliation.
  base::Result<Sandbox> get_any_team(std::string_view id);
  base::Result<std::vector<Sandbox>> list(std::string_view team_id, const SandboxQuery& query = {});
  // Of all teams, for administrators of the platform.
  base::Result<std::vector<Sandbox>> list_any_team(const SandboxQuery& query = {});
  // Of any of these teams, in any state: what was changed at `after.at` or later, oldest first,
  // from the one behind `after.id` on. Use alone is no change.
  base::Result<std::vector<Sandbox>> changed_after(const std::vector<std::string>& teams,
                                                   const ChangeCursor& after, int limit);
  // What a host should have: all but stopped and error, oldest first, of all teams.
  base::Result<std::vector<Sandbox>> list_by_host(std::string_view host_id);

  // One guarded UPDATE: true when the sandbox was in one of `from` and is in `to` now, false when
  // it was elsewhere (or is unknown) and nothing was changed. started_at is set on the first
  // kRunning, last_active_at on every one, paused_at on kPaused, stopped_at on kStopped and kError,
  // which also make its ports private again. The holder holds it in the states on the way to
  // another one, and nobody in the others; one that another holds does not become kHibernating.
  // What is said of a pause goes with it, but stays while one is missing or hibernated. kHibernated
  // makes the archive current; kRunning, kPaused and the two ends make a current one stale, and one
  // that was just being written. kInvalidArgument when may_change() forbids one of the pairs.
  base::Result<bool> transition(std::string_view id, const std::vector<SandboxState>& from,
                                SandboxState to, const SandboxChanges& changes = {});
  // From kPaused or kHibernated to kResuming, as transition() does it, for somebody who asked for
  // it, on the first of the hosts that has room: of a paused one that is its own. kOutOfRange when
  // its team would then run more than its quota.
  base::Result<Placement> begin_resume(std::string_view id, SandboxState from,
                                       const std::vector<std::string>& hosts);
  // It is another host's now: of the first that has room, as long as it is in `state`.
  base::Result<Placement> move_to_host(std::string_view id, SandboxState state,
                                       const std::vector<std::string>& hosts);
  // Sandboxes of this host, ended ones too, whose archive is to be removed.
  base::Result<std::vector<std::string>> stale_archives(std::string_view host_id);
  // A stale archive was removed. False when there is none.
  base::Result<bool> forget_archive(std::string_view id);
  // How many are in each state, of all teams; the two ends are left out, since they only grow.
  base::Result<std::map<SandboxState, std::int64_t>> count_by_state();

  // Somebody used it: last_active_at, written at most once a second. False when not running.
  base::Result<bool> touch_active(std::string_view id);
  // In any state. kInvalidArgument when it would have more than kMaxLabels, kNotFound for a sandbox
  // that the team does not have.
  base::Result<Sandbox> change_labels(std::string_view team_id, std::string_view id,
                                      const LabelChanges& changes);
  // In any state but stopped and error; false then.
  base::Result<bool> set_lifecycle(std::string_view id, const LifecycleSettings& settings);
  // The same, as long as it has `before`: of several who change it each sees what the others did.
  base::Result<bool> set_network(std::string_view id, const NetworkPolicy& before,
                                 const NetworkPolicy& after);

  // What this control plane changes it goes on changing: call it more often than every kHoldMs.
  base::Result<void> extend_holds();
  // Nothing is being changed by this control plane any more.
  base::Result<void> end_holds();
  // Keeps other control planes from writing its archive. False when another holds it.
  base::Result<bool> hold(std::string_view id);
  base::Result<void> let_go(std::string_view id);
  const std::string& holder() const { return holder_; }

 private:
  // `condition` has its arguments from $2 on.
  base::Result<std::vector<Sandbox>> list_where(std::string_view condition, std::vector<Value> more,
                                                const SandboxQuery& query);
  // `hosts`: for a change that needs room on one of them, and in its team's quota; else none.
  base::Result<Placement> change(std::string_view id, const std::vector<SandboxState>& from,
                                 SandboxState to, const SandboxChanges& changes,
                                 const std::vector<std::string>* hosts);

  Database& database_;
  Clock clock_;
  std::string holder_;
  Overcommit overcommit_;
};

}  // namespace wrenn::db
