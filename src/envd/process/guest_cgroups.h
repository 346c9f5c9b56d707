// GuestCgroups: groups of cgroup v2 that keep commands from starving the agent and each other.
//
//   ROOT/wrenn                    keeps a little memory for the relays
//   ROOT/wrenn/commands           a ceiling of memory and processes for all commands
//   ROOT/wrenn/commands/user      commands without a terminal
//   ROOT/wrenn/commands/pty       commands with one
//   ROOT/wrenn/relay              relays of ports
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/fd.h"
#include "base/files.h"

namespace wrenn::envd {

enum class CgroupKind { kUser, kPty, kRelay };

// Bytes, and processes including threads.
struct GuestLimits {
  std::uint64_t memory_max = 0;
  std::uint64_t commands_pids_max = 0;
  // Of each of the two: a fork bomb in one leaves room for a command in the other that ends it.
  std::uint64_t kind_pids_max = 0;
};

// `kernel_pids`: how many processes the kernel allows in all.
GuestLimits guest_limits(std::uint64_t total_memory, std::uint64_t kernel_pids);

class GuestCgroups {
 public:
  // No groups: every descriptor is -1.
  GuestCgroups() = default;
  // Makes what the machine offers below `root` and says in the log what that is. A part that
  // cannot be set is left out; without cgroup v2 there is nothing.
  static GuestCgroups create(const base::Path& root);

  // For SpawnSpec::cgroup_fd; -1 when there is none.
  int fd(CgroupKind kind) const { return fds_[static_cast<std::size_t>(kind)].get(); }

 private:
  std::array<base::Fd, 3> fds_;
};

}  // namespace wrenn::envd
