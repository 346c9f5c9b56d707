#include "agent/recovery.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agent/vm_place.h"
#include "base/cgroup.h"
#include "base/log.h"
#include "base/strings.h"
#include "hostnet/host_network.h"
#include "vm/hypervisor.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::Result;
using storage::SandboxManifest;

// A VM can be taken over only when its manifest was complete and its process is the very same.
bool is_running(const SandboxManifest& manifest) {
  return manifest.state == storage::StoredState::kRunning && manifest.slot >= 0 &&
         base::is_alive(manifest.process);
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

// Everything under sandboxes/ that is not the directory of a running one.
Result<void> sweep_directories(const AgentConfig& config,
                               const std::vector<SandboxManifest>& running) {
  WRENN_TRY_ASSIGN(const auto names, config.layout.list_sandboxes());
  for (const auto& name : names) {
    const bool is_wanted = std::any_of(running.begin(), running.end(),
                                       [&](const auto& one) { return one.id == name.text(); });
    if (is_wanted) continue;
    base::log_info("clearing away a sandbox that no longer runs", {{"sandbox", name.text()}});
    WRENN_TRY(base::remove_tree(config.layout.sandbox_dir(name)));
  }
  return {};
}

std::vector<pid_t> pids_of(const std::vector<SandboxManifest>& manifests) {
  std::vector<pid_t> pids;
  for (const auto& manifest : manifests) pids.push_back(manifest.process.pid);
  return pids;
}

}  // namespace

Result<std::vector<SandboxManifest>> recover(const AgentConfig& config) {
  WRENN_TRY_ASSIGN(auto scan, storage::scan_sandboxes(config.layout));
  for (const auto& broken : scan.broken) {
    base::log_warn("a sandbox has no usable manifest",
                   {{"directory", broken.directory.native()}, {"error", broken.error}});
  }
  std::vector<SandboxManifest> running;
  for (auto& manifest : scan.good) {
    if (is_running(manifest)) running.push_back(std::move(manifest));
  }
  kill_strangers(config, pids_of(running));
  sweep_cgroups(config, running);
  WRENN_TRY(sweep_directories(config, running));
  for (const auto& dir : {config.layout.sandboxes_dir(), config.layout.snapshots_dir()}) {
    WRENN_TRY(storage::sweep_temporaries(dir));
  }
  return running;
}

Result<void> purge(const AgentConfig& config) {
  Result<void> first;
  const auto keep_error = [&first](Result<void> result) {
    if (!result && first) first = std::move(result);
  };
  kill_strangers(config, {});
  sweep_cgroups(config, {});
  const auto support = base::CgroupSupport::detect();
  keep_error(base::remove_cgroup_parent(support, config.tag.cgroup_parent()));
  keep_error(hostnet::stop_host_network({.tag = config.tag,
                                         .range = std::nullopt,
                                         .state_file = config.layout.run_dir() / "network.state",
                                         .keep = {}}));
  if (std::filesystem::exists(config.layout.sandboxes_dir())) {
    keep_error(sweep_directories(config, {}));
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
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) return lock;
  return base::fail(Code::kFailedPrecondition,
                    base::concat("another wrenn-agent runs on ", config.layout.root().native()),
                    "stop it first: wrenn down");
}

}  // namespace wrenn::agent
