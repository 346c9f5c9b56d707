// Devices of the host that unprivileged hypervisors may open.
#pragma once

#include <sys/types.h>

#include "base/files.h"

namespace wrenn::vm {

// The group that may open them; supplementary for every hypervisor that needs one.
inline constexpr gid_t kDeviceGroup = 1879099001;

// A node for the host's device, made anew in `directory` under the device's own name; empty when
// the machine has no such device. Blocking.
base::Result<base::Path> device_node(const base::Path& host_device, const base::Path& directory);

}  // namespace wrenn::vm
