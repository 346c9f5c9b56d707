// Jail: starts a program that owns nothing but what it was given: files, descriptors, network.
//
// Thread-safe; may be called from a process with many threads. Blocks until the program runs or
// could not be started (about 2 ms), so call it from a pool thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/files.h"
#include "base/process.h"
#include "base/result.h"
#include "base/time.h"

namespace wrenn::base {

enum class MountAccess {
  kReadOnly,   // nosuid, nodev
  kReadWrite,  // nosuid, nodev, noexec
  kDevice,     // A device node, writable: nosuid, noexec
};

// A file or directory of the host that is seen inside. Symbolic links in `source` are followed;
// mounts below it come along. `target` is absolute and is made when it is missing.
struct BindMount {
  Path source;
  Path target;
  MountAccess access = MountAccess::kReadOnly;
};

struct JailLink {
  Path path;         // Absolute, inside.
  std::string text;  // What it points to.
};

// `host_fd` stays the caller's. Several entries may name the same one.
struct InheritedFd {
  int host_fd = -1;
  int child_fd = -1;
};

struct Credentials {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // Supplementary; all others are given up.
};

enum class JailRoot {
  kHost,     // The host's files as they are: a plain child process.
  kPrivate,  // A tiny read-only tmpfs with nothing in it but `binds` and `links`.
};

struct JailSpec {
  std::vector<std::string> argv;  // argv[0] is an absolute path, as seen inside.
  std::vector<std::string> env;   // "NAME=value"; nothing is inherited.
  std::string working_dir = "/";

  JailRoot root = JailRoot::kPrivate;
  std::vector<BindMount> binds;  // In order, so that a later one may lie inside an earlier one.
  std::vector<JailLink> links;
  std::optional<Credentials> credentials;  // Absent: those of the caller, with its capabilities.

  // Everything that is not listed here is closed. 0, 1 and 2 are /dev/null unless listed.
  std::vector<InheritedFd> fds;

  std::optional<int> netns_fd;  // Absent: the caller's network.
  bool new_pid_namespace = false;
  bool new_ipc_namespace = false;
  bool new_uts_namespace = false;
  // Own session, so that the child survives its parent and its terminal. It is never tied to the
  // life of the parent.
  bool new_session = true;

  std::uint64_t max_open_files = 1024;          // Or what the machine allows, when that is less.
  std::optional<std::uint64_t> max_file_bytes;  // RLIMIT_FSIZE. Core dumps are always off.
  std::optional<int> oom_score_adj;             // -1000 to 1000; higher is killed earlier.
  // Files the child writes itself into before it runs anything: Cgroup::procs_files().
  std::vector<Path> cgroup_procs;
};

struct ChildProcess {
  ProcessIdentity identity;
  Fd pidfd;  // Readable once the child has exited.
};

// The child has no_new_privs and an empty capability bounding set whenever `credentials` are given.
// Errors name the step: "cannot start /usr/bin/qemu: mounting /usr: No such file or directory".
Result<ChildProcess> spawn(const JailSpec& spec);

// Makes the dynamic loader and the host's programs and libraries work inside: /usr read-only, /lib
// and its like, the loader's cache.
void add_system_files(JailSpec& spec);

struct ExitStatus {
  int code = 0;    // Meaningful when signal is 0.
  int signal = 0;  // What killed it.
};

// Takes the exit status of a child of this very process and frees its pid. kDeadlineExceeded when
// it is still running after `timeout` (zero: does not wait); kNotFound when it is not (or no
// longer) a child of ours, as after a restart of the agent.
Result<ExitStatus> reap(const ChildProcess& child, Duration timeout = {});

}  // namespace wrenn::base
