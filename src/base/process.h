// Which process a pid means: a pid alone is reused by the kernel, a pid with its start time is not.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/fd.h"
#include "base/result.h"

namespace wrenn::base {

struct ProcessIdentity {
  pid_t pid = 0;
  std::uint64_t start_ticks = 0;  // Field 22 of /proc/PID/stat: clock ticks since boot.
  bool operator==(const ProcessIdentity&) const = default;
};

// kNotFound when there is no such process, or only its zombie.
Result<ProcessIdentity> identify_process(pid_t pid);
// This very process, also where /proc has nothing but `self`.
Result<ProcessIdentity> identify_self();
bool is_alive(const ProcessIdentity& process);

// A pidfd that certainly means this process; kNotFound when it is gone. Readable once it exits.
Result<Fd> open_pidfd(const ProcessIdentity& process);
// Through the pidfd, so that a reused pid is never hit. A process that is gone is not an error.
Result<void> signal_process(const ProcessIdentity& process, int signal);
// Blocks up to `timeout_ms`; true once the process is gone.
bool wait_gone(const ProcessIdentity& process, int timeout_ms);

}  // namespace wrenn::base
