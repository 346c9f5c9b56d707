// Recovery: what an agent finds at its start, and the way to remove everything for good.
#pragma once

#include <vector>

#include "agent/config.h"
#include "base/result.h"
#include "storage/manifest.h"

namespace wrenn::agent {

// What a new agent takes over.
struct Recovered {
  std::vector<storage::SandboxManifest> running;  // The VM is there.
  // It is not; the disk of that VM is, and is to be kept. `reason` says why.
  std::vector<storage::SandboxManifest> ended;
  std::vector<storage::SandboxManifest> paused;
};

// Looks through sandboxes/. What an unfinished start, pause or copy left behind is cleared away,
// with every process, cgroup and temporary file that belongs to none; a sandbox whose manifest
// cannot be read is left alone. After a restart of the machine, one that was paused before is as it
// was then: only there do memory and disk belong together. Call before open_host(), with the slots
// of the running ones as `keep`. Blocking.
base::Result<Recovered> recover(const AgentConfig& config);

// Ends all sandboxes and removes all that they left on the machine: processes, cgroups, networks,
// files. Templates and images stay. Does as much as it can and returns the first error. Blocking.
base::Result<void> purge(const AgentConfig& config);

// One agent for each $WRENN_DIR: holds run/agent.lock. kFailedPrecondition when another runs.
base::Result<base::Fd> lock_installation(const AgentConfig& config);

}  // namespace wrenn::agent
