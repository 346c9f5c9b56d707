// Pausing, resuming, and what happens by the clock.
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "agent/disk_chain.h"
#include "agent/operation_log.h"
#include "agent/sandbox_manager.h"
#include "agent/save_vm.h"
#include "agent/start_vm.h"
#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"
#include "storage/staged_dir.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr auto kLookInterval = std::chrono::milliseconds(250);
// What a proxied request that is under way may take until the pause cuts it.
constexpr auto kDrain = std::chrono::seconds(2);

void apply(const Lifecycle& lifecycle, storage::SandboxManifest& manifest) {
  manifest.timeout_sec = lifecycle.timeout_sec;
  manifest.end_at_unix_ms = lifecycle.end_at_unix_ms;
  manifest.is_killed_on_timeout = lifecycle.is_killed;
}

Result<void> write_manifest(const Host& host, const storage::SandboxManifest& manifest) {
  return storage::write_manifest(sandbox_directory(host, manifest.id) / storage::kManifestFile,
                                 manifest);
}

bool needs_merge(const Sandbox& sandbox, std::int64_t now_unix_ms) {
  return !sandbox.vm->place.is_snapshot && sandbox.vm->place.lower_disks.size() >= kMergeFrom &&
         now_unix_ms >= sandbox.merges_not_before_unix_ms;
}

// Ends what a program that runs in the guest has not written yet.
net::Task<Result<void>> sync_guest(GuestClient& guest) {
  constexpr auto kTimeout = std::chrono::seconds(20);
  WRENN_CO_TRY_ASSIGN(auto events,
                      co_await net::with_timeout(kTimeout, guest.start({.cmd = "/bin/sync",
                                                                        .args = {},
                                                                        .envs = {},
                                                                        .cwd = "/",
                                                                        .user = "root",
                                                                        .tag = {},
                                                                        .limit = kTimeout})));
  while (true) {
    WRENN_CO_TRY_ASSIGN(const auto message, co_await net::with_timeout(kTimeout, events.next()));
    if (!message || message->event().has_end()) co_return {};
  }
}

}  // namespace

net::Task<Result<Outcome>> SandboxManager::pause(std::string id, PauseMode mode) {
  return net::with_stop(net::StopToken(), pause_now(std::move(id), mode, {}));
}

net::Task<Result<Outcome>> SandboxManager::pause_now(std::string id, PauseMode mode,
                                                     std::string reason) {
  WRENN_CO_TRY_ASSIGN(const SandboxPtr sandbox, find(id));
  WRENN_CO_TRY_ASSIGN(const auto held, co_await lock(sandbox));
  Outcome outcome;
  const auto begin = base::steady_now();
  if (sandbox->vm) {
    sandbox->doing = Doing::kPausing;
    auto saved = co_await stats_.measure(
        HostOperation::kPause, save_paused(sandbox, mode, std::move(reason), outcome.timings));
    sandbox->doing = Doing::kNothing;
    WRENN_CO_TRY(std::move(saved));
    co_await log_done("sandbox paused", id, begin);
  }
  outcome.timings["total"] = ms_since(begin);
  outcome.sandbox = view(*sandbox);
  co_return outcome;
}

// Up to the write of the manifest everything can be undone; after it, nothing is left to do but to
// clear away.
net::Task<Result<void>> SandboxManager::save_paused(SandboxPtr sandbox, PauseMode mode,
                                                    std::string reason, Timings& timings) {
  const std::string id = sandbox->manifest.id;
  Stopwatch watch(timings);
  if (mode == PauseMode::kDisk) WRENN_CO_TRY(co_await sync_guest(*sandbox->vm->guest));
  co_await data_plane_.remove(id, kDrain);
  co_await sandbox->end_uses();
  watch.lap("drain");
  const int number = sandbox->manifest.checkpoint + 1;
  const base::Path target = checkpoint_directory(host_, id, number);
  auto staged = co_await host_.pool->run([&target]() -> Result<storage::StagedDir> {
    WRENN_TRY(base::remove_tree(target));  // Of a pause that failed.
    return storage::StagedDir::create(target, 0700);
  });
  auto saved = staged ? Result<void>() : base::fail(std::move(staged).error());
  if (saved) {
    const SaveRequest request{
        .what = mode == PauseMode::kDisk ? SaveWhat::kDisk : SaveWhat::kMemoryAndDisk,
        .afterwards = Afterwards::kStays,
        .base = sandbox->base,
        .envd_token = base::Secret(std::string(sandbox->manifest.envd_token.reveal())),
        .directory = staged->path()};
    saved = co_await save_vm(host_, *sandbox->vm, request, timings);
  }
  if (saved) {
    watch.lap("save");
    storage::SandboxManifest paused = sandbox->manifest;
    paused.state = storage::StoredState::kPaused;
    paused.checkpoint = number;
    paused.reason = std::move(reason);
    auto recorded =
        co_await host_.pool->run([this, &staged, &paused, &target]() -> Result<CheckpointPtr> {
          WRENN_TRY(staged->commit());
          WRENN_TRY_ASSIGN(auto checkpoint, load_checkpoint(target));
          WRENN_TRY(write_manifest(host_, paused));
          return checkpoint;
        });
    watch.lap("sync");
    if (recorded) {
      sandbox->manifest = std::move(paused);
      sandbox->base = *std::move(recorded);
      co_await let_go(sandbox);
      watch.lap("clear");
      co_return {};
    }
    saved = base::fail(std::move(recorded).error());
    if (auto going = co_await host_.hypervisor->go_on(sandbox->vm->place.spec()); !going) {
      base::log_error("a VM does not go on", {{"sandbox", id}, {"error", going.error()}});
    }
  }
  co_await host_.pool->run([&target] { return base::remove_tree(target); });
  if (auto added = data_plane_.add(*sandbox); !added) {
    base::log_error("the ports of a sandbox cannot be reached",
                    {{"sandbox", id}, {"error", added.error()}});
  }
  co_return base::fail(std::move(saved).error().with_context("the sandbox was not paused"));
}

net::Task<void> SandboxManager::let_go(SandboxPtr sandbox) {
  const std::string id = sandbox->manifest.id;
  std::shared_ptr<LiveVm> vm = std::move(sandbox->vm);
  vm->guest.reset();
  const int number = sandbox->manifest.checkpoint;
  auto cleared = co_await host_.pool->run([this, &vm, &id, number]() -> Result<void> {
    WRENN_TRY(end_vm(host_, *vm));
    WRENN_TRY(base::remove_tree(sandbox_directory(host_, id) / "vm"));
    return base::remove_tree(checkpoint_directory(host_, id, number - 1));
  });
  if (cleared) co_return;
  base::log_warn("what a paused sandbox ran on stays behind",
                 {{"sandbox", id}, {"error", cleared.error()}});
}

// Its VM is gone, and its memory with it; what it had written is kept.
net::Task<Result<void>> SandboxManager::end_dead(SandboxPtr sandbox, std::string reason) {
  const std::string id = sandbox->manifest.id;
  sandbox->doing = Doing::kPausing;
  co_await data_plane_.remove(id);
  co_await sandbox->end_uses();
  const int number = sandbox->manifest.checkpoint + 1;
  const base::Path target = checkpoint_directory(host_, id, number);
  storage::SandboxManifest paused = sandbox->manifest;
  paused.state = storage::StoredState::kPaused;
  paused.checkpoint = number;
  paused.reason = std::move(reason);
  auto kept = co_await host_.pool->run([&]() -> Result<CheckpointPtr> {
    WRENN_TRY(base::remove_tree(target));
    WRENN_TRY_ASSIGN(auto staged, storage::StagedDir::create(target, 0700));
    WRENN_TRY(save_disk(host_, sandbox->vm->place, sandbox->base, staged.path()));
    WRENN_TRY(staged.commit());
    WRENN_TRY_ASSIGN(auto checkpoint, load_checkpoint(target));
    WRENN_TRY(write_manifest(host_, paused));
    return checkpoint;
  });
  sandbox->doing = kept ? Doing::kNothing : Doing::kStuck;
  if (!kept) co_return base::fail(std::move(kept).error());
  sandbox->manifest = std::move(paused);
  sandbox->base = *std::move(kept);
  co_await let_go(sandbox);
  co_return {};
}

net::Task<Result<Outcome>> SandboxManager::resume(std::string id,
                                                  std::optional<Lifecycle> lifecycle) {
  return net::with_stop(net::StopToken(), stats_.measure(HostOperation::kResume,
                                                         resume_now(std::move(id), lifecycle)));
}

net::Task<Result<Outcome>> SandboxManager::resume_now(std::string id,
                                                      std::optional<Lifecycle> lifecycle) {
  WRENN_CO_TRY_ASSIGN(const SandboxPtr sandbox, find(id));
  WRENN_CO_TRY_ASSIGN(const auto held, co_await lock(sandbox));
  Outcome outcome;
  const auto begin = base::steady_now();
  storage::SandboxManifest manifest = sandbox->manifest;
  if (lifecycle) apply(*lifecycle, manifest);
  if (sandbox->vm) {
    WRENN_CO_TRY(
        co_await host_.pool->run([this, &manifest] { return write_manifest(host_, manifest); }));
    sandbox->manifest = std::move(manifest);
  } else {
    WRENN_CO_TRY_ASSIGN(const auto promise, promise_memory(manifest.memory_mb));
    sandbox->doing = Doing::kResuming;
    WRENN_CO_TRY_ASSIGN(const auto permit, co_await starting_.acquire());
    auto vm = co_await start_vm(host_, manifest, sandbox->base, outcome.timings, &sandbox->vm);
    if (sandbox->vm) {
      base::log_warn("a sandbox that was paused while it shut down is booted", {{"sandbox", id}});
      WRENN_CO_TRY(co_await end_dead(sandbox, "vm_ended"));
      sandbox->doing = Doing::kResuming;
      manifest = sandbox->manifest;
      if (lifecycle) apply(*lifecycle, manifest);
      vm = co_await start_vm(host_, manifest, sandbox->base, outcome.timings);
    }
    sandbox->doing = Doing::kNothing;
    if (!vm) co_return base::fail(std::move(vm).error().with_context("the sandbox stays paused"));
    sandbox->manifest = std::move(manifest);
    sandbox->vm = *std::move(vm);
    start_watching(sandbox);
    co_await log_done("sandbox resumed", id, begin);
  }
  sandbox->last_active_unix_ms = base::unix_ms_now();
  outcome.timings["total"] = ms_since(begin);
  outcome.sandbox = view(*sandbox);
  co_return outcome;
}

// A checkpoint of the sandbox as it is now, running or paused, in `directory`.
net::Task<Result<void>> SandboxManager::set_lifecycle(std::string id, Lifecycle lifecycle) {
  WRENN_CO_TRY_ASSIGN(const SandboxPtr sandbox, find(id));
  WRENN_CO_TRY_ASSIGN(const auto held, co_await lock(sandbox));
  storage::SandboxManifest manifest = sandbox->manifest;
  apply(lifecycle, manifest);
  WRENN_CO_TRY(
      co_await host_.pool->run([this, &manifest] { return write_manifest(host_, manifest); }));
  sandbox->manifest = std::move(manifest);
  sandbox->last_active_unix_ms = base::unix_ms_now();
  co_return {};
}

void SandboxManager::watch_lifecycles() {
  tasks_.spawn(watch_lifecycles_now());
  tasks_.spawn(watch_resources_now());
}

net::Task<void> SandboxManager::watch_lifecycles_now() {
  while (co_await net::sleep_for(kLookInterval)) {
    const std::int64_t now = base::unix_ms_now();
    look_at_disk();
    if (!is_relieving_ && !sandboxes_.empty() && memory_budget().is_short()) relieve_host();
    for (const auto& [id, sandbox] : sandboxes_) {
      if (sandbox->changing.is_locked() || now < sandbox->ends_not_before_unix_ms) continue;
      if (sandbox->doing == Doing::kStuck) {
        tasks_.spawn(keep_dead(sandbox, sandbox->vm->process.identity));
      } else if (sandbox->is_usable() && !sandbox->overdue(now).empty()) {
        tasks_.spawn(end_by_lifecycle(sandbox));
      } else if (sandbox->is_usable() && !is_merging_ && needs_merge(*sandbox, now)) {
        is_merging_ = true;
        tasks_.spawn(merge_disks(sandbox));
      }
    }
  }
}

void SandboxManager::look_at_disk() {
  constexpr std::uint64_t kRoom = 32ull << 20;
  const auto free = storage::free_space(host_.config.layout.sandboxes_dir());
  if (!free) return;
  const bool has_snapshots = std::ranges::any_of(sandboxes_, [](const auto& one) {
    return one.second->vm && one.second->vm->place.is_snapshot;
  });
  const std::uint64_t least = has_snapshots ? kSnapshotReserve : kDiskIsFull;
  if (*free < least && !was_disk_full_) {
    was_disk_full_ = true;
    if (has_snapshots) hold_snapshots();
    base::log_error("the disk is full: sandboxes that write to theirs stand still",
                    {{"directory", host_.config.layout.root().native()}});
  } else if (*free > least + kRoom && was_disk_full_) {
    was_disk_full_ = false;
    go_on_all();
  }
}

// QEMU lets a guest stand still that finds no room. Device-mapper gives the whole disk up, so these
// must stand still before.
void SandboxManager::hold_snapshots() {
  for (const auto& [id, sandbox] : sandboxes_) {
    if (sandbox->vm && sandbox->vm->place.is_snapshot) tasks_.spawn(hold(sandbox));
  }
}

net::Task<void> SandboxManager::hold(SandboxPtr sandbox) {
  const auto held = co_await lock(sandbox);
  if (!held || !sandbox->is_usable() || !was_disk_full_) co_return;
  if (auto stopped = co_await host_.hypervisor->stop(sandbox->vm->place.spec()); !stopped) {
    base::log_error("a VM does not stand still",
                    {{"sandbox", sandbox->manifest.id}, {"error", stopped.error()}});
  }
}

// One that is being started or saved is not waited for by the others.
void SandboxManager::go_on_all() {
  base::log_info("the disk has room again: sandboxes go on");
  for (const auto& [id, sandbox] : sandboxes_) tasks_.spawn(go_on(sandbox));
}

net::Task<void> SandboxManager::go_on(SandboxPtr sandbox) {
  const auto held = co_await lock(sandbox);
  if (!held || !sandbox->is_usable()) co_return;
  if (auto going = co_await host_.hypervisor->go_on(sandbox->vm->place.spec()); !going) {
    base::log_error("a VM does not go on",
                    {{"sandbox", sandbox->manifest.id}, {"error", going.error()}});
  }
}

void SandboxManager::relieve_host() {
  // Whoever was used a moment ago is used again.
  constexpr std::int64_t kIdleMs = 5'000;
  std::int64_t last_use = base::unix_ms_now() - kIdleMs;
  SandboxPtr found;
  for (const auto& [id, sandbox] : sandboxes_) {
    if (!sandbox->is_usable() || sandbox->changing.is_locked()) continue;
    if (sandbox->last_used_unix_ms() >= last_use) continue;
    last_use = sandbox->last_used_unix_ms();
    found = sandbox;
  }
  if (!found) return;
  is_relieving_ = true;
  tasks_.spawn(pause_for_memory(std::move(found)));
}

net::Task<void> SandboxManager::pause_for_memory(SandboxPtr sandbox) {
  const std::string id = sandbox->manifest.id;
  base::log_warn("the host is short of memory: a sandbox that nobody uses is paused",
                 {{"sandbox", id}, {"available_mb", host_memory().available}});
  const auto paused =
      co_await net::with_stop(net::StopToken(), pause_now(id, PauseMode::kMemory, "host_memory"));
  is_relieving_ = false;
  if (!paused) base::log_error("it was not paused", {{"sandbox", id}, {"error", paused.error()}});
}

net::Task<void> SandboxManager::end_by_lifecycle(SandboxPtr sandbox) {
  constexpr std::int64_t kRetryMs = 10'000;
  const std::string id = sandbox->manifest.id;
  const std::int64_t now = base::unix_ms_now();
  // Somebody may just have come.
  std::string reason(sandbox->overdue(now));
  if (reason.empty() || !sandbox->is_usable()) co_return;
  const bool is_killed = sandbox->manifest.is_killed_on_timeout;
  base::log_info("a sandbox ends as its lifecycle says",
                 {{"sandbox", id}, {"reason", reason}, {"how", is_killed ? "kill" : "pause"}});
  Result<void> done;
  if (is_killed) {
    done = co_await destroy(id);
  } else {
    auto paused = co_await net::with_stop(net::StopToken(),
                                          pause_now(id, PauseMode::kMemory, std::move(reason)));
    if (!paused) done = base::fail(std::move(paused).error());
  }
  if (!done) {
    sandbox->ends_not_before_unix_ms = base::unix_ms_now() + kRetryMs;
    base::log_error("a sandbox does not end as its lifecycle says",
                    {{"sandbox", id}, {"error", done.error()}});
  }
}

net::Task<void> SandboxManager::merge_disks(SandboxPtr sandbox) {
  constexpr std::int64_t kRetryMs = 60'000;
  const std::string id = sandbox->manifest.id;
  const auto begin = base::steady_now();
  auto merged = co_await merge_now(sandbox);
  is_merging_ = false;
  if (!merged) {
    sandbox->merges_not_before_unix_ms = base::unix_ms_now() + kRetryMs;
    base::log_warn("the disks of a sandbox were not merged",
                   {{"sandbox", id}, {"error", merged.error()}});
  } else {
    base::log_info("disks of a sandbox merged",
                   {{"sandbox", id}, {"ms", base::to_ms(base::steady_now() - begin)}});
  }
}

// It is held at the beginning and the end only: a pause in between lets the merge go.
net::Task<Result<void>> SandboxManager::merge_now(SandboxPtr sandbox) {
  base::ProcessIdentity process;
  vm::VmSpec spec;
  {
    WRENN_CO_TRY_ASSIGN(const auto held, co_await lock(sandbox));
    if (!sandbox->is_usable()) co_return {};
    process = sandbox->vm->process.identity;
    spec = sandbox->vm->place.spec();
    WRENN_CO_TRY(co_await start_merge(host_, sandbox->vm->place));
  }
  auto waited = co_await wait_for_merge(host_, spec);
  WRENN_CO_TRY_ASSIGN(const auto held, co_await lock(sandbox));
  if (!sandbox->vm || sandbox->vm->process.identity != process) co_return {};
  WRENN_CO_TRY(std::move(waited));
  co_return co_await settle_merge(host_, sandbox->base->disks(), sandbox->vm->place);
}

}  // namespace wrenn::agent
