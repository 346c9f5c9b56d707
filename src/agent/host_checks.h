// What doctor says about the settings of a machine that others are to rely on: none of it keeps
// sandboxes from working, all of it is better known before.
#pragma once

#include <vector>

#include "agent/doctor.h"
#include "base/files.h"

namespace wrenn::agent {

// Where the kernel tells about itself; another place in tests.
struct KernelFiles {
  base::Path proc = "/proc";
  base::Path sys = "/sys";
  base::Path dev = "/dev";
};

// `directory`: that of the installation. Reads, and changes nothing. Blocking.
std::vector<Check> check_host_settings(const base::Path& directory, const KernelFiles& files = {});

}  // namespace wrenn::agent
