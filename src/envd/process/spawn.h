// Starts a program as a user. The child shares the agent's memory until it runs the program (as
// vfork does), so that starting does not copy page tables: under emulation that is most of the
// cost.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace wrenn::envd {

enum class StdinKind { kPlain, kTerminal };

struct SpawnSpec {
  // Tried in order until one is there: what a search in PATH comes to.
  std::vector<std::string> program_candidates;
  std::vector<std::string> argv;
  std::vector<std::string> env;  // "NAME=value"
  std::string directory;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  // Become 0, 1 and 2 of the child; must be above 2. The caller keeps its copies.
  int stdin_fd = -1;
  int stdout_fd = -1;
  int stderr_fd = -1;
  // kTerminal: stdin_fd becomes the controlling terminal.
  StdinKind stdin_kind = StdinKind::kPlain;
  // Of a cgroup v2 directory where the child begins; -1: that of the agent.
  int cgroup_fd = -1;
  // The child's soft limit of open files; 0: as the agent's.
  rlim_t open_files = 0;
};

struct Spawned {
  pid_t pid = 0;
  base::Fd pidfd;
  // Why it is not in the cgroup; 0 when it is, or when none was given.
  int cgroup_error = 0;
};

// The child leads a session and a process group of its own, with all signals at their defaults, no
// niceness, and every other descriptor closed. It must be reaped by the caller.
// kInvalidArgument: there is no such program or directory, or it cannot be executed.
// kPermissionDenied: the user may not enter the directory or run the program.
// kResourceExhausted: the kernel or the cgroup allows no further process. A cgroup that cannot be
// used for another reason is none: the child runs outside of it, and cgroup_error says why.
base::Result<Spawned> spawn(const SpawnSpec& spec);

}  // namespace wrenn::envd
