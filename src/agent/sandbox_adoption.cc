// What a new agent does with the sandboxes of the last one.
#include "agent/disk_chain.h"
#include "agent/network_policy.h"
#include "agent/sandbox_manager.h"
#include "agent/snapshot_disk.h"
#include "agent/start_vm.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::agent {
namespace {

using base::Result;

// Blocking. The slot has its rules still. But the last agent may have died between them and the
// manifest, or may have been of a version that records nothing.
void apply_network(const hostnet::Slot& slot, const storage::SandboxManifest& manifest) {
  const auto policy = egress_policy_of(manifest.network);
  const auto applied = policy ? hostnet::apply_policy(slot, *policy) : base::fail(policy.error());
  if (applied) return;
  base::log_error("an adopted sandbox keeps the network policy that it has, whatever that is",
                  {{"sandbox", manifest.id}, {"error", applied.error()}});
}

}  // namespace

net::Task<void> SandboxManager::adopt(Recovered recovered) {
  for (auto& manifest : recovered.running) {
    const std::string id = manifest.id;
    if (auto adopted = co_await adopt_running(std::move(manifest)); !adopted) {
      base::log_error("a sandbox could not be adopted",
                      {{"sandbox", id}, {"error", adopted.error()}});
    }
  }
  for (auto& manifest : recovered.ended) {
    const std::string id = manifest.id;
    if (auto kept = co_await adopt_ended(std::move(manifest)); !kept) {
      base::log_error("a sandbox whose VM ended could not be kept",
                      {{"sandbox", id}, {"error", kept.error()}});
    }
  }
  for (auto& manifest : recovered.paused) {
    const std::string id = manifest.id;
    auto adopted =
        co_await host_.pool->run([this, &manifest] { return adopt_paused(std::move(manifest)); });
    if (adopted) {
      keep(*std::move(adopted));
    } else {
      base::log_error("a paused sandbox cannot be used",
                      {{"sandbox", id}, {"error", adopted.error()}});
    }
  }
}

// Blocking. A sandbox with what is on disk of its VM: no process, slot or cgroup yet.
Result<SandboxManager::SandboxPtr> SandboxManager::take_over(storage::SandboxManifest manifest) {
  WRENN_TRY_ASSIGN(auto base,
                   load_checkpoint(checkpoint_directory(host_, manifest.id, manifest.checkpoint)));
  auto vm = std::make_unique<LiveVm>();
  vm->place.id = manifest.id;
  vm->place.shape = {manifest.vcpus, manifest.memory_mb, manifest.disk_mb};
  vm->place.directory = sandbox_directory(host_, manifest.id) / "vm";
  vm->place.uid = manifest.uid;
  vm->place.is_snapshot = storage::dm::is_node(vm->place.directory / kDeviceNode);
  return std::make_shared<Sandbox>(std::move(manifest), std::move(base), std::move(vm));
}

Result<SandboxManager::SandboxPtr> SandboxManager::adopt_paused(storage::SandboxManifest manifest) {
  WRENN_TRY_ASSIGN(auto base,
                   load_checkpoint(checkpoint_directory(host_, manifest.id, manifest.checkpoint)));
  return std::make_shared<Sandbox>(std::move(manifest), std::move(base), nullptr);
}

// The last agent may have stopped it for a pause or a copy, which is not finished now.
net::Task<Result<void>> SandboxManager::take_up(VmPlace& place, const Checkpoint& base) {
  const vm::VmSpec spec = place.spec();
  if (place.is_snapshot) {
    WRENN_CO_TRY(
        co_await host_.pool->run([&] { return adopt_snapshot_disk(host_, base.disks(), place); }));
    co_return co_await host_.hypervisor->go_on(spec);
  }
  WRENN_CO_TRY(co_await host_.hypervisor->cancel_merge(spec));
  WRENN_CO_TRY_ASSIGN(const std::string current, co_await host_.hypervisor->current_disk(spec));
  WRENN_CO_TRY(co_await host_.pool->run(
      [&place, &base, &current] { return read_chain(base.disks(), current, place); }));
  co_return co_await host_.hypervisor->go_on(spec);
}

net::Task<Result<void>> SandboxManager::adopt_running(storage::SandboxManifest manifest) {
  const auto take = [this, &manifest]() -> Result<SandboxPtr> {
    WRENN_TRY_ASSIGN(base::Fd pidfd, base::open_pidfd(manifest.process));
    WRENN_TRY_ASSIGN(auto sandbox, take_over(manifest));
    VmPlace& place = sandbox->vm->place;
    WRENN_TRY_ASSIGN(place.slot,
                     host_.slots->adopt(static_cast<hostnet::SlotIndex>(manifest.slot)));
    place.cgroup =
        base::Cgroup::adopt(host_.cgroups, host_.config.tag.cgroup_parent(), manifest.id);
    apply_network(place.slot, manifest);
    sandbox->vm->process = {manifest.process, std::move(pidfd)};
    sandbox->vm->guest = std::make_unique<GuestClient>(
        place.slot.netns.get(), base::Secret(std::string(manifest.envd_token.reveal())));
    return sandbox;
  };
  WRENN_CO_TRY_ASSIGN(const SandboxPtr sandbox, co_await host_.pool->run(take));
  VmPlace& place = sandbox->vm->place;
  if (auto going = co_await take_up(place, *sandbox->base); !going) {
    base::log_error("the hypervisor of a sandbox does not answer",
                    {{"sandbox", manifest.id}, {"error", going.error()}});
  }
  base::log_info("sandbox adopted", {{"sandbox", manifest.id}, {"pid", manifest.process.pid}});
  keep(sandbox);
  co_return {};
}

net::Task<Result<void>> SandboxManager::adopt_ended(storage::SandboxManifest manifest) {
  const std::string reason = manifest.reason;
  const auto take = [this, &manifest]() -> Result<SandboxPtr> {
    WRENN_TRY_ASSIGN(auto sandbox, take_over(std::move(manifest)));
    // What it wrote to last; one that it never came to is empty.
    VmPlace& place = sandbox->vm->place;
    WRENN_TRY(place.is_snapshot ? read_snapshot_chain(sandbox->base->disks(), {}, place)
                                : read_chain(sandbox->base->disks(), {}, place));
    return sandbox;
  };
  WRENN_CO_TRY_ASSIGN(const SandboxPtr sandbox, co_await host_.pool->run(take));
  sandboxes_[sandbox->manifest.id] = sandbox;
  WRENN_CO_TRY_ASSIGN(const auto held, co_await lock(sandbox));
  co_return co_await end_dead(sandbox, reason);
}

}  // namespace wrenn::agent
