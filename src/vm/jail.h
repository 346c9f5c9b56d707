// What the jails of all hypervisors have in common.
#pragma once

#include "base/jail.h"
#include "vm/hypervisor.h"

namespace wrenn::vm {

enum class Devices {
  kNone,
  kOpened,  // It opens nodes that device_node() made.
};

// The VM's user, its network namespace, cgroup and place in the queue of the OOM killer; namespaces
// of its own for all else. Roots and mounts are each hypervisor's.
void confine(base::JailSpec& jail, const VmSpec& spec, Devices devices);

}  // namespace wrenn::vm
