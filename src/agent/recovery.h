// Recovery: what an agent finds at its start, and the way to remove everything for good.
#pragma once

#include <vector>

#include "agent/config.h"
#include "base/result.h"
#include "storage/manifest.h"

namespace wrenn::agent {

// Looks through sandboxes/ and returns those whose VM still runs. All others are cleared away, with
// every process, cgroup and temporary file that belongs to none. Call before open_host(), with the
// slots of the result as `keep`. Blocking.
base::Result<std::vector<storage::SandboxManifest>> recover(const AgentConfig& config);

// Ends all sandboxes and removes all that they left on the machine: processes, cgroups, networks,
// files. Templates and images stay. Does as much as it can and returns the first error. Blocking.
base::Result<void> purge(const AgentConfig& config);

// One agent for each $WRENN_DIR: holds run/agent.lock. kFailedPrecondition when another runs.
base::Result<base::Fd> lock_installation(const AgentConfig& config);

}  // namespace wrenn::agent
