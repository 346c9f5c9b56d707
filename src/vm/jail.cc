#include "vm/jail.h"

#include "vm/device_node.h"

namespace wrenn::vm {

void confine(base::JailSpec& jail, const VmSpec& spec, Devices devices) {
  jail.credentials = base::Credentials{spec.uid, spec.uid, {}};
  if (devices == Devices::kOpened) jail.credentials->groups.push_back(kDeviceGroup);
  jail.netns_fd = spec.netns_fd;
  jail.new_pid_namespace = true;
  jail.new_ipc_namespace = true;
  jail.new_uts_namespace = true;
  jail.cgroup_procs = spec.cgroup_procs;
  // The host's own processes are worth more than one sandbox.
  jail.oom_score_adj = 500;
}

}  // namespace wrenn::vm
