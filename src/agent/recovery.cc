#include "agent/recovery.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <thread>

#include "agent/start_vm.h"
#include "agent/vm_place.h"
#include "base/cgroup.h"
#include "base/log.h"
#include "base/strings.h"
#include "hostnet/host_network.h"
#include "storage/dm/snapshot_disks.h"
#include "vm/hypervisor.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::Result;
using storage::SandboxManifest;

Recovered classify(std::vector<SandboxManifest> manifests) {
  const std::string boot_id = host_boot_id();
  Recovered recovered;
  for (auto& manifest : manifests) {
    if (manifest.state == storage::StoredState::kPaused) {
      recovered.paused.push_back(std::move(manifest));
    } else if (manifest.slot >= 0 && base::is_alive(manifest.process)) {
      recovered.running.push_back(std::move(manifest));
    } else if (manifest.boot_id != boot_id && manifest.checkpoint > 0) {
      manifest.reason = "host_restarted";
      manifest.state = storage::StoredState::kPaused;
      recovered.paused.push_back(std::move(manifest));
    } else {
      manifest.reason = manifest.boot_id == boot_id ? "vm_ended" : "host_restarted";
      recovered.ended.push_back(std::move(manifest));
    }
  }
  return recovered;
}

void sweep_cgroups(const AgentConfig& config, const std::vector<SandboxManifest>& running) {
  const auto support = base::CgroupSupport::detect();
  const std::string parent = config.tag.cgroup_parent();
  for (const auto& name : base::list_cgroups(support, parent)) {
    const bool is_wanted = std::any_of(running.begin(), running.end(),
                                       [&](const auto& one) { return one.id == name; });
    if (is_wanted) continue;
    base::Cgroup group = base::Cgroup::adopt(support, parent, name);
    if (auto killed = group.kill_all(); !killed) {
      base::log_warn("a cgroup is not empty", {{"cgroup", name}, {"error", killed.error()}});
    }
    if (auto removed = group.remove(); !removed) {
      base::log_warn("a cgroup stays behind", {{"cgroup", name}, {"error", removed.error()}});
    }
  }
}

// Disks of VMs that have ended go, too: what was written to one is in its files since the VM let it
// go.
Result<void> sweep_devices(const AgentConfig& config, const std::vector<SandboxManifest>& running) {
  const auto disks = storage::dm::SnapshotDisks::open(config.tag.device_prefix());
  if (!disks) return {};  // Then there are none.
  std::set<std::string> keep;
  for (const auto& one : running) keep.insert(one.id);
  return disks->sweep(keep);
}

// Leaves of a sandbox's directory what its manifest speaks of. `keeps_vm`: and of its VM.
Result<void> sweep_sandbox(const AgentConfig& config, const SandboxManifest& manifest,
                           bool keeps_vm) {
  WRENN_TRY_ASSIGN(const auto id, storage::Name::parse("sandbox id", manifest.id));
  if (!keeps_vm) WRENN_TRY(base::remove_tree(config.layout.sandbox_dir(id) / "vm"));
  const std::string wanted = base::concat(manifest.checkpoint);
  std::vector<base::Path> others;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(config.layout.checkpoints_dir(id), error)) {
    if (entry.path().filename().native() != wanted) others.push_back(entry.path());
  }
  for (const auto& other : others) WRENN_TRY(base::remove_tree(other));
  return {};
}

Result<void> remove_all_sandboxes(const AgentConfig& config) {
  WRENN_TRY_ASSIGN(const auto names, config.layout.list_sandboxes());
  for (const auto& name : names) WRENN_TRY(base::remove_tree(config.layout.sandbox_dir(name)));
  return {};
}

void add_users(std::vector<uid_t>& users, const std::vector<SandboxManifest>& manifests) {
  for (const auto& manifest : manifests) users.push_back(manifest.uid);
}

}  // namespace

Result<Recovered> recover(const AgentConfig& config) {
  WRENN_TRY_ASSIGN(auto scan, storage::scan_sandboxes(config.layout));
  Recovered recovered = classify(std::move(scan.good));
  VmUsers users;
  add_users(users.going_on, recovered.running);
  // An agent died before it could end the VM of one that was paused just then.
  add_users(users.ending, recovered.paused);
  add_users(users.ending, recovered.ended);
  end_vms(config, users);
  sweep_cgroups(config, recovered.running);
  if (auto swept = sweep_devices(config, recovered.running); !swept) {
    base::log_warn("devices stay behind", {{"error", swept.error()}});
  }
  for (const auto& broken : scan.broken) {
    if (broken.error.code == Code::kNotFound) {  // Nobody was told of it.
      WRENN_TRY(base::remove_tree(broken.directory));
      continue;
    }
    base::log_error("a sandbox has no usable manifest and is left alone",
                    {{"directory", broken.directory.native()}, {"error", broken.error}});
  }
  for (const auto& one : recovered.running) WRENN_TRY(sweep_sandbox(config, one, true));
  for (const auto& one : recovered.ended) WRENN_TRY(sweep_sandbox(config, one, true));
  for (const auto& one : recovered.paused) {
    if (!one.reason.empty()) {
      WRENN_TRY_ASSIGN(const auto id, storage::Name::parse("sandbox id", one.id));
      WRENN_TRY(storage::write_manifest(config.layout.sandbox_manifest(id), one));
    }
    WRENN_TRY(sweep_sandbox(config, one, false));
  }
  for (const auto& dir : {config.layout.sandboxes_dir(), config.layout.snapshots_dir()}) {
    WRENN_TRY(storage::sweep_temporaries(dir));
  }
  return recovered;
}

Result<void> purge(const AgentConfig& config) {
  Result<void> first;
  const auto keep_error = [&first](Result<void> result) {
    if (!result && first) first = std::move(result);
  };
  VmUsers users;
  // What cannot be read is removed all the same.
  if (const auto scan = storage::scan_sandboxes(config.layout)) add_users(users.ending, scan->good);
  end_vms(config, users);
  sweep_cgroups(config, {});
  keep_error(sweep_devices(config, {}));
  const auto support = base::CgroupSupport::detect();
  keep_error(base::remove_cgroup_parent(support, config.tag.cgroup_parent()));
  keep_error(hostnet::stop_host_network({.tag = config.tag,
                                         .range = std::nullopt,
                                         .state_file = config.layout.run_dir() / "network.state",
                                         .keep = {}}));
  if (std::filesystem::exists(config.layout.sandboxes_dir())) {
    keep_error(remove_all_sandboxes(config));
  }
  for (const auto& dir : {config.layout.sandboxes_dir(), config.layout.snapshots_dir()}) {
    if (auto swept = storage::sweep_temporaries(dir); !swept) keep_error(base::fail(swept.error()));
  }
  for (const char* name : {"kvm", "agent.sock"}) {
    keep_error(base::remove_tree(config.layout.run_dir() / name));
  }
  return first;
}

Result<base::Fd> lock_installation(const AgentConfig& config) {
  WRENN_TRY_ASSIGN(base::Fd lock,
                   base::open_file(config.layout.run_dir() / "agent.lock", O_RDWR | O_CREAT, 0600));
  // One that was killed just now holds it until the kernel has taken it apart.
  const auto until = base::steady_now() + std::chrono::seconds(3);
  do {
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  } while (base::steady_now() < until);
  return base::fail(Code::kFailedPrecondition,
                    base::concat("another wrenn-agent runs on ", config.layout.root().native()),
                    "stop it first: wrenn down");
}

}  // namespace wrenn::agent
