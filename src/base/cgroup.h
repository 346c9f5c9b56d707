// Cgroup: limits and accounting for one VM, with whatever cgroups the machine has: v2, v1 or a mix.
//
// A machine without usable cgroups is no error: everything works, and nothing is limited.
// CgroupSupport says so in words. Thread-safe as long as one Cgroup is used by one thread at a
// time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/result.h"

namespace wrenn::base {

enum class CgroupVersion { kV1, kV2 };

struct CgroupHierarchy {
  CgroupVersion version = CgroupVersion::kV2;
  Path root;  // Where it is mounted, e.g. /sys/fs/cgroup/memory.
  bool operator==(const CgroupHierarchy&) const = default;
};

// Which hierarchy limits what; absent where nothing can.
struct CgroupSupport {
  std::optional<CgroupHierarchy> memory;
  std::optional<CgroupHierarchy> cpu;
  std::optional<CgroupHierarchy> pids;
  std::optional<CgroupHierarchy> cpu_usage;  // cpuacct of v1, or any v2.
  // For `wrenn doctor`: one line per limit, what sets it or why nothing does.
  std::vector<std::string> explanation;

  bool any() const { return memory || cpu || pids || cpu_usage; }

  // Reads a mountinfo file and the hierarchies that it lists. Changes nothing.
  static CgroupSupport detect(const Path& mountinfo = "/proc/self/mountinfo");
};

struct CgroupLimits {
  std::optional<std::uint64_t> memory_max_bytes{};
  std::optional<std::uint64_t> cpu_millis{};  // 1000 is one whole CPU.
  std::optional<std::uint64_t> pids_max{};
};

struct CgroupUsage {
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint64_t> cpu_usec;  // Since the group was made.
};

// Owns <hierarchy>/<parent>/<name> in every hierarchy that is used. The destructor kills what is
// inside and removes the group, unless release() was called.
class Cgroup {
 public:
  // `parent` and `name` are single file names. An existing group is taken over. A limit that the
  // machine cannot set is left out.
  static Result<Cgroup> create(const CgroupSupport& support, std::string_view parent,
                               std::string_view name, const CgroupLimits& limits);
  // The group of a VM that outlived its agent. Parts that do not exist are left out.
  static Cgroup adopt(const CgroupSupport& support, std::string_view parent, std::string_view name);

  Cgroup() = default;  // Owns nothing.
  Cgroup(Cgroup&& other) noexcept;
  Cgroup& operator=(Cgroup&& other) noexcept;
  ~Cgroup();

  // For JailSpec::cgroup_procs. A process joins by writing its pid (or 0 for itself) to each.
  std::vector<Path> procs_files() const;
  CgroupUsage usage() const;
  // SIGKILL to everything inside; waits up to a second until it is empty.
  Result<void> kill_all();
  // Waits a little for processes that are just exiting. Owns nothing afterwards.
  Result<void> remove();
  // Leaves the group where it is.
  void release() { directories_.clear(); }

 private:
  struct Directory {
    CgroupHierarchy hierarchy;
    Path path;
  };
  Cgroup(const CgroupSupport& support, std::string_view parent, std::string_view name);
  Result<void> apply(const CgroupSupport& support, const CgroupLimits& limits);
  const Directory* find(const std::optional<CgroupHierarchy>& hierarchy) const;

  CgroupSupport support_;
  std::vector<Directory> directories_;
};

// Names of the groups below `parent` in any hierarchy: what a sweep compares with the living VMs.
std::vector<std::string> list_cgroups(const CgroupSupport& support, std::string_view parent);
// The last step of a teardown; the parent must have no groups left. A missing one is fine.
Result<void> remove_cgroup_parent(const CgroupSupport& support, std::string_view parent);

}  // namespace wrenn::base
