// What the machine has: what its host is chosen by.
#pragma once

#include <cstdint>
#include <string>

#include "agent/memory_budget.h"
#include "base/files.h"

namespace wrenn::agent {

struct Machine {
  std::string arch;  // As Go and the container world call it: "amd64".
  unsigned cpu_cores = 1;
  HostMemory memory;
  std::uint64_t disk_mb = 0;  // Of the file system, in MiB; 0 when it cannot be told.
  std::uint64_t disk_free_mb = 0;
};

// This one, with the file system that `directory` is on. Blocking for some microseconds.
Machine machine_now(const base::Path& directory);

}  // namespace wrenn::agent
