// SandboxManager: creates, keeps, pauses, resumes, copies and destroys the sandboxes of this host.
//
// A sandbox lies in sandboxes/<id>/: manifest, checkpoints/<n>/ and, while it runs, vm/. Each
// change becomes true on disk in one step (see storage::StoredState); after a crash of the agent
// the manifest tells what to adopt. For one loop.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "agent/data_plane.h"
#include "agent/host.h"
#include "agent/machine.h"
#include "agent/manager_stats.h"
#include "agent/memory_budget.h"
#include "agent/recovery.h"
#include "agent/sandbox.h"
#include "agent/stopwatch.h"
#include "agent/template_store.h"
#include "base/readiness.h"
#include "hostnet/denials.h"
#include "net/sync.h"
#include "storage/objects/archive.h"

namespace wrenn::agent {

// When a sandbox stops by itself.
struct Lifecycle {
  int timeout_sec = 0;              // Without activity; 0: never.
  std::int64_t end_at_unix_ms = 0;  // Whatever goes on; 0: never.
  bool is_killed = false;           // Else it is paused.
};
Lifecycle lifecycle_of(const storage::SandboxManifest& manifest);

struct CreateRequest {
  std::string id;  // "cl-" and 25 characters; empty: made here.
  std::string template_name;
  Shape shape;  // A snapshot's own shape takes its place.
  Lifecycle lifecycle;
  storage::NetworkPolicy network;
};

struct SandboxView {
  storage::SandboxManifest manifest;
  std::string status;      // As in SandboxInfo.
  std::string pause_mode;  // Likewise.
  std::string host_ip;
  std::int64_t last_active_unix_ms = 0;
};

// What became of one sandbox, and what the time was spent on.
struct Outcome {
  SandboxView sandbox;
  Timings timings;
};
struct ForkOutcome {
  std::string id;
  base::Result<SandboxView> sandbox;
};
struct Hibernated {
  std::uint64_t bytes = 0;  // That it took on this host.
  Timings timings;
};
struct ForkRequest {
  std::string id;
  std::vector<std::string> fork_ids;
  std::optional<Lifecycle> lifecycle;  // Absent: as the source's.
};

enum class PauseMode { kMemory, kDisk };

// Nothing here is cut short by its caller going away: it is done afterwards, or nothing of it is.
// kNotFound for unknown ids, unless said otherwise.
class SandboxManager {
 public:
  // All three must outlive it.
  SandboxManager(net::Loop& loop, Host& host, DataPlane& data_plane);
  SandboxManager(const SandboxManager&) = delete;
  SandboxManager& operator=(const SandboxManager&) = delete;

  // Takes over what outlived the last agent.
  net::Task<void> adopt(Recovered recovered);
  // Builds or loads the snapshot that most sandboxes start from.
  net::Task<base::Result<void>> prepare_default_template();
  // Pauses and kills what its lifecycle says, until shut_down().
  void watch_lifecycles();

  // kAlreadyExists for a known id, kInvalidArgument for impossible sizes, kResourceExhausted when
  // the host is full.
  net::Task<base::Result<Outcome>> create(CreateRequest request);
  // Unknown ids are fine. Nothing of the sandbox is left when this succeeds; after a failure it can
  // be tried again.
  net::Task<base::Result<void>> destroy(std::string id);
  // A paused one stays as it is. On failure it runs as before.
  net::Task<base::Result<Outcome>> pause(std::string id, PauseMode mode);
  // One that runs goes on, with the new lifecycle. On failure it is paused as before.
  net::Task<base::Result<Outcome>> resume(std::string id, std::optional<Lifecycle> lifecycle);
  // One outcome for each id, in order. Fails as a whole when the source cannot be copied.
  net::Task<base::Result<std::vector<ForkOutcome>>> fork(ForkRequest request, Timings& timings);
  // With defaults, which it takes on itself, it has to run.
  net::Task<base::Result<TemplateView>> snapshot(std::string id, std::string name,
                                                 std::optional<storage::GuestDefaults> defaults,
                                                 Timings& timings);
  net::Task<base::Result<void>> set_lifecycle(std::string id, Lifecycle lifecycle);
  // In force when this succeeds, for one that is paused from its resume on; as before when it
  // fails. Neither this nor the next counts as activity.
  net::Task<base::Result<void>> set_network(std::string id, storage::NetworkPolicy policy);
  // kFailedPrecondition for one that does not run.
  net::Task<base::Result<std::vector<hostnet::Denial>>> denials(std::string id);

  // kNotFound for an unknown id, kFailedPrecondition for one that is paused.
  base::Result<SandboxUse> use(const std::string& id);
  std::vector<SandboxView> list() const;
  // What it has used in the last `span`; kNotFound for one that is not on this host.
  base::Result<std::vector<ResourcePoint>> resources(const std::string& id,
                                                     std::chrono::seconds span) const;
  TemplateStore& templates() { return templates_; }
  HostFigures figures() const;
  // The machine, with the disk that sandboxes lie on.
  Machine machine() const { return machine_now(host_.config.layout.sandboxes_dir()); }
  std::uint64_t memory_reserved_mb() const { return host_.config.reserve_mb; }
  base::Readiness readiness() const;
  const ManagerStats& stats() const { return stats_; }

  // Moves a paused sandbox to object storage. When it has succeeded, the archive is whole and the
  // sandbox is gone from this host; else it is paused as before. kFailedPrecondition without object
  // storage.
  net::Task<base::Result<Hibernated>> hibernate(std::string id);
  // The way back, and resumes it. The archive stays; when this fails, nothing is left on this host.
  net::Task<base::Result<Outcome>> wake(std::string id, std::optional<Lifecycle> lifecycle);
  // Removes the archive. One that is not there is fine.
  net::Task<base::Result<void>> forget_archive(std::string id);

  // What the agent does for others ends, in a way that ends nothing in the sandboxes.
  void abandon_uses();
  // The VMs go on; only the agent's own tasks end.
  net::Task<void> shut_down();

 private:
  using SandboxPtr = std::shared_ptr<Sandbox>;

  net::Task<base::Result<Outcome>> create_now(CreateRequest request);
  net::Task<base::Result<Outcome>> create_from(CreateRequest request, CheckpointPtr from);
  net::Task<base::Result<void>> destroy_now(std::string id);
  net::Task<base::Result<Outcome>> pause_now(std::string id, PauseMode mode, std::string reason);
  net::Task<base::Result<void>> save_paused(SandboxPtr sandbox, PauseMode mode, std::string reason,
                                            Timings& timings);
  net::Task<base::Result<Outcome>> resume_now(std::string id, std::optional<Lifecycle> lifecycle);
  net::Task<base::Result<std::vector<ForkOutcome>>> fork_now(ForkRequest request, Timings& timings);
  net::Task<void> start_fork(std::string id, storage::SandboxManifest source, CheckpointPtr from,
                             std::optional<Lifecycle> lifecycle, ForkOutcome& outcome);
  net::Task<base::Result<Hibernated>> hibernate_now(std::string id);
  net::Task<base::Result<Outcome>> wake_now(std::string id, std::optional<Lifecycle> lifecycle);
  net::Task<base::Result<TemplateView>> snapshot_now(std::string id, std::string name,
                                                     std::optional<storage::GuestDefaults> defaults,
                                                     Timings& timings);
  net::Task<base::Result<void>> set_network_now(std::string id, storage::NetworkPolicy policy);
  net::Task<base::Result<void>> set_defaults(Sandbox& sandbox,
                                             const storage::GuestDefaults& defaults);
  net::Task<base::Result<CheckpointPtr>> save_copy(
      SandboxPtr sandbox, base::Path directory, Timings& timings,
      std::optional<storage::GuestDefaults> defaults = std::nullopt);
  // The rest of a pause: the VM, its place, and what it ran on are gone.
  net::Task<void> let_go(SandboxPtr sandbox);
  net::Task<base::Result<void>> end_dead(SandboxPtr sandbox, std::string reason);

  base::Result<void> check(const CreateRequest& request) const;
  // The memory of a sandbox that starts, until it counts as one that runs.
  class MemoryPromise {
   public:
    MemoryPromise(std::uint64_t& sum, std::uint64_t mb) : sum_(&sum), mb_(mb) { sum += mb; }
    MemoryPromise(MemoryPromise&& other) noexcept
        : sum_(std::exchange(other.sum_, nullptr)), mb_(other.mb_) {}
    MemoryPromise& operator=(MemoryPromise&&) = delete;
    ~MemoryPromise() {
      if (sum_ != nullptr) *sum_ -= mb_;
    }

   private:
    std::uint64_t* sum_;
    std::uint64_t mb_;
  };
  base::Result<MemoryPromise> promise_memory(int memory_mb);
  MemoryBudget memory_budget() const;
  base::Result<SandboxPtr> find(const std::string& id) const;
  // The lock of a sandbox that is not gone.
  net::Task<base::Result<net::Mutex::Lock>> lock(SandboxPtr sandbox);
  void keep(SandboxPtr sandbox);
  void start_watching(SandboxPtr sandbox);
  net::Task<void> watch(SandboxPtr sandbox, base::ProcessIdentity process);
  net::Task<void> keep_dead(SandboxPtr sandbox, base::ProcessIdentity process);
  net::Task<void> watch_lifecycles_now();
  net::Task<void> watch_resources_now();
  net::Task<void> end_by_lifecycle(SandboxPtr sandbox);
  // A VM stands still from the moment that its disk found no room on the host's; with room again it
  // is to go on.
  void look_at_disk();
  void go_on_all();
  void hold_snapshots();
  net::Task<void> hold(SandboxPtr sandbox);
  net::Task<void> go_on(SandboxPtr sandbox);
  // Pauses the sandbox that was not used for the longest time, when the host is short of memory.
  void relieve_host();
  net::Task<void> pause_for_memory(SandboxPtr sandbox);
  base::Result<SandboxPtr> take_over(storage::SandboxManifest manifest);
  net::Task<base::Result<void>> take_up(VmPlace& place, const Checkpoint& base);
  net::Task<void> merge_disks(SandboxPtr sandbox);
  net::Task<base::Result<void>> merge_now(SandboxPtr sandbox);
  net::Task<base::Result<void>> adopt_running(storage::SandboxManifest manifest);
  net::Task<base::Result<void>> adopt_ended(storage::SandboxManifest manifest);
  base::Result<SandboxPtr> adopt_paused(storage::SandboxManifest manifest);
  static std::string_view status_of(const Sandbox& sandbox);
  SandboxView view(const Sandbox& sandbox) const;

  net::Loop& loop_;
  Host& host_;
  DataPlane& data_plane_;
  TemplateStore templates_;
  net::Semaphore starting_;
  std::map<std::string, SandboxPtr> sandboxes_;
  std::map<std::string, bool> creating_;
  std::uint64_t starting_mb_ = 0;
  std::set<std::string> archiving_;  // Whose archive is being written, read or removed.
  std::stop_source stop_transfers_;
  storage::BlobNames blob_names_;
  ManagerStats stats_;
  bool was_disk_full_ = false;
  bool is_relieving_ = false;
  bool is_merging_ = false;  // One at a time: it is work of the disk.
  net::TaskScope tasks_;
};

}  // namespace wrenn::agent
