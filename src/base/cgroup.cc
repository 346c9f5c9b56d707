#include "base/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/process.h"
#include "base/strings.h"

namespace wrenn::base {
namespace {

constexpr auto kBusyWait = std::chrono::seconds(1);
constexpr auto kBusyStep = std::chrono::milliseconds(5);
constexpr std::uint64_t kCpuPeriodUsec = 100'000;
constexpr std::uint64_t kSmallestQuotaUsec = 1'000;  // The kernel refuses less.

struct CgroupMount {
  CgroupVersion version = CgroupVersion::kV2;
  Path point;
  std::vector<std::string> controllers;
  bool writable = false;
};

std::vector<std::string> words(std::string_view text, char separator) {
  std::vector<std::string> out;
  for (const auto part : split(trim(text), separator)) {
    if (!part.empty()) out.emplace_back(part);
  }
  return out;
}

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// One line of mountinfo: "36 25 0:31 / /sys/fs/cgroup/cpu rw,nosuid shared:9 - cgroup cgroup
// rw,cpu"
std::optional<CgroupMount> parse_mount(std::string_view line) {
  constexpr std::size_t kPoint = 4;
  constexpr std::size_t kOptions = 5;
  const auto dash = line.find(" - ");
  if (dash == std::string_view::npos) return std::nullopt;
  const auto front = split(line.substr(0, dash), ' ');
  const auto back = split(line.substr(dash + 3), ' ');
  if (front.size() <= kOptions || back.size() < 3) return std::nullopt;
  CgroupMount mount;
  if (back[0] == "cgroup") {
    mount.version = CgroupVersion::kV1;
    mount.controllers = words(back[2], ',');
  } else if (back[0] == "cgroup2") {
    mount.version = CgroupVersion::kV2;
  } else {
    return std::nullopt;
  }
  mount.point = front[kPoint];
  const bool read_only = contains(words(front[kOptions], ','), "ro") ||
                         contains(words(back[2], ','), "ro") ||
                         ::access(mount.point.c_str(), W_OK) != 0;
  mount.writable = !read_only;
  if (mount.version == CgroupVersion::kV2) {
    if (auto text = read_file(mount.point / "cgroup.controllers")) {
      mount.controllers = words(*text, ' ');
    }
  }
  return mount;
}

// Controllers of v2 reach a subgroup only if the group above hands them down, which the kernel
// refuses while processes live in it (except in the real root, which has no cgroup.type).
bool can_hand_down(const Path& root, std::string_view controller) {
  const auto handed = read_file(root / "cgroup.subtree_control");
  if (handed && contains(words(*handed, ' '), controller)) return true;
  if (::access((root / "cgroup.type").c_str(), F_OK) != 0) return true;
  const auto inside = read_file(root / "cgroup.procs");
  return inside && trim(*inside).empty();
}

// Finds what sets one limit and adds the line that explains it.
std::optional<CgroupHierarchy> choose(const std::vector<CgroupMount>& mounts,
                                      std::string_view controller, std::string_view what,
                                      std::vector<std::string>& explanation) {
  std::string reason = concat("no cgroup hierarchy has the ", controller, " controller");
  for (const auto& mount : mounts) {
    if (!contains(mount.controllers, controller)) continue;
    const std::string where = mount.point.native();
    if (!mount.writable) {
      reason = concat(where, " is read-only");
    } else if (mount.version == CgroupVersion::kV2 && !can_hand_down(mount.point, controller)) {
      reason = concat("processes live in ", where, " itself, so its ", controller,
                      " controller cannot be handed to groups below");
    } else {
      const bool v1 = mount.version == CgroupVersion::kV1;
      explanation.push_back(
          concat(what, ": limited through cgroup ", v1 ? "v1" : "v2", " at ", where));
      return CgroupHierarchy{mount.version, mount.point};
    }
  }
  explanation.push_back(concat(what, ": not limited, because ",
                               mounts.empty() ? std::string("no cgroups are mounted") : reason));
  return std::nullopt;
}

bool is_there(const Path& path) {
  return ::access(path.c_str(), F_OK) == 0;
}

// cgroupfs wants one plain write; temp files and renames do not exist there.
Result<void> write_control(const Path& path, std::string_view value) {
  WRENN_TRY_ASSIGN(Fd fd, open_file(path, O_WRONLY));
  if (auto written = write_all(fd.get(), value); !written) {
    return fail(std::move(written).error().with_context(path.native()));
  }
  return {};
}

std::optional<std::uint64_t> read_number(const Path& path) {
  const auto text = read_file(path);
  return text ? parse_int<std::uint64_t>(trim(*text)) : std::nullopt;
}

// "usage_usec 1234" in cpu.stat.
std::optional<std::uint64_t> read_field(const Path& path, std::string_view name) {
  const auto text = read_file(path);
  if (!text) return std::nullopt;
  for (const auto line : split(*text, '\n')) {
    const auto pair = split(line, ' ');
    if (pair.size() == 2 && pair[0] == name) return parse_int<std::uint64_t>(pair[1]);
  }
  return std::nullopt;
}

void hand_down(const Path& group) {
  // A controller that cannot be handed down costs one limit, not the VM: doctor has said so.
  const auto available = read_file(group / "cgroup.controllers");
  if (!available) return;
  for (const char* name : {"memory", "cpu", "pids"}) {
    if (contains(words(*available, ' '), name)) {
      (void)write_control(group / "cgroup.subtree_control", concat("+", name));
    }
  }
}

Result<void> make_group(const CgroupHierarchy& hierarchy, std::string_view parent,
                        const Path& group) {
  const Path above = hierarchy.root / std::string(parent);
  const bool v2 = hierarchy.version == CgroupVersion::kV2;
  WRENN_TRY(make_dirs(above));
  if (v2) {
    hand_down(hierarchy.root);
    hand_down(above);
  }
  return make_dirs(group);
}

Result<void> check_name(std::string_view name) {
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string_view::npos) {
    return fail(Code::kInvalidArgument, concat("bad cgroup name '", name, "'"));
  }
  return {};
}

std::vector<CgroupHierarchy> hierarchies(const CgroupSupport& support) {
  std::vector<CgroupHierarchy> out;
  for (const auto& one : {support.memory, support.cpu, support.pids, support.cpu_usage}) {
    if (one && std::find(out.begin(), out.end(), *one) == out.end()) out.push_back(*one);
  }
  return out;
}

std::vector<pid_t> processes_in(const Path& group) {
  std::vector<pid_t> pids;
  const auto text = read_file(group / "cgroup.procs");
  if (!text) return pids;
  for (const auto line : split(trim(*text), '\n')) {
    if (const auto pid = parse_int<pid_t>(line); pid && *pid > 0) pids.push_back(*pid);
  }
  return pids;
}

Result<void> remove_group(const Path& group) {
  const auto deadline = std::chrono::steady_clock::now() + kBusyWait;
  while (::rmdir(group.c_str()) != 0) {
    if (errno == ENOENT) return {};
    if (errno != EBUSY || std::chrono::steady_clock::now() > deadline) {
      return fail_errno(errno, concat("cannot remove cgroup ", group.native()));
    }
    std::this_thread::sleep_for(kBusyStep);
  }
  return {};
}

}  // namespace

CgroupSupport CgroupSupport::detect(const Path& mountinfo) {
  std::vector<CgroupMount> mounts;
  if (const auto text = read_file(mountinfo)) {
    for (const auto line : split(*text, '\n')) {
      if (auto mount = parse_mount(line)) mounts.push_back(std::move(*mount));
    }
  }
  CgroupSupport support;
  support.memory = choose(mounts, "memory", "memory", support.explanation);
  support.cpu = choose(mounts, "cpu", "CPU time", support.explanation);
  support.pids = choose(mounts, "pids", "number of processes", support.explanation);
  for (const auto& mount : mounts) {
    const bool counts =
        mount.version == CgroupVersion::kV2 || contains(mount.controllers, "cpuacct");
    if (counts && mount.writable && !support.cpu_usage) {
      support.cpu_usage = CgroupHierarchy{mount.version, mount.point};
    }
  }
  return support;
}

Cgroup::Cgroup(const CgroupSupport& support, std::string_view parent, std::string_view name)
    : support_(support) {
  for (const auto& hierarchy : hierarchies(support)) {
    directories_.push_back({hierarchy, hierarchy.root / std::string(parent) / std::string(name)});
  }
}

Cgroup::Cgroup(Cgroup&& other) noexcept
    : support_(std::move(other.support_)), directories_(std::exchange(other.directories_, {})) {}

Cgroup& Cgroup::operator=(Cgroup&& other) noexcept {
  std::swap(support_, other.support_);
  std::swap(directories_, other.directories_);
  return *this;
}

Cgroup::~Cgroup() {
  if (directories_.empty()) return;
  auto gone = kill_all();
  if (gone) gone = remove();
  if (!gone) log_warn("a cgroup stays behind", {{"error", gone.error()}});
}

Result<Cgroup> Cgroup::create(const CgroupSupport& support, std::string_view parent,
                              std::string_view name, const CgroupLimits& limits) {
  WRENN_TRY(check_name(parent));
  WRENN_TRY(check_name(name));
  Cgroup group(support, parent, name);
  for (const auto& directory : group.directories_) {
    WRENN_TRY(make_group(directory.hierarchy, parent, directory.path));
  }
  WRENN_TRY(group.apply(support, limits));
  return group;
}

Cgroup Cgroup::adopt(const CgroupSupport& support, std::string_view parent, std::string_view name) {
  if (!check_name(parent) || !check_name(name)) return {};
  Cgroup group(support, parent, name);
  std::erase_if(group.directories_, [](const auto& one) { return !is_there(one.path); });
  return group;
}

const Cgroup::Directory* Cgroup::find(const std::optional<CgroupHierarchy>& hierarchy) const {
  if (!hierarchy) return nullptr;
  for (const auto& directory : directories_) {
    if (directory.hierarchy == *hierarchy) return &directory;
  }
  return nullptr;
}

Result<void> Cgroup::apply(const CgroupSupport& support, const CgroupLimits& limits) {
  const auto is_v1 = [](const Directory* d) { return d->hierarchy.version == CgroupVersion::kV1; };
  if (const auto* d = find(support.memory); d != nullptr && limits.memory_max_bytes) {
    const char* file = is_v1(d) ? "memory.limit_in_bytes" : "memory.max";
    WRENN_TRY(write_control(d->path / file, concat(*limits.memory_max_bytes)));
  }
  if (const auto* d = find(support.cpu); d != nullptr && limits.cpu_millis) {
    const std::uint64_t quota =
        std::max(kSmallestQuotaUsec, *limits.cpu_millis * (kCpuPeriodUsec / 1000));
    if (is_v1(d)) {
      WRENN_TRY(write_control(d->path / "cpu.cfs_period_us", concat(kCpuPeriodUsec)));
      WRENN_TRY(write_control(d->path / "cpu.cfs_quota_us", concat(quota)));
    } else {
      WRENN_TRY(write_control(d->path / "cpu.max", concat(quota, ' ', kCpuPeriodUsec)));
    }
  }
  if (const auto* d = find(support.pids); d != nullptr && limits.pids_max) {
    WRENN_TRY(write_control(d->path / "pids.max", concat(*limits.pids_max)));
  }
  return {};
}

std::vector<Path> Cgroup::procs_files() const {
  std::vector<Path> files;
  for (const auto& directory : directories_) files.push_back(directory.path / "cgroup.procs");
  return files;
}

CgroupUsage Cgroup::usage() const {
  CgroupUsage usage;
  if (const auto* d = find(support_.memory)) {
    const bool v1 = d->hierarchy.version == CgroupVersion::kV1;
    usage.memory_bytes = read_number(d->path / (v1 ? "memory.usage_in_bytes" : "memory.current"));
  }
  if (const auto* d = find(support_.cpu_usage)) {
    if (d->hierarchy.version == CgroupVersion::kV1) {
      if (const auto ns = read_number(d->path / "cpuacct.usage")) usage.cpu_usec = *ns / 1000;
    } else {
      usage.cpu_usec = read_field(d->path / "cpu.stat", "usage_usec");
    }
  }
  return usage;
}

Result<void> Cgroup::kill_all() {
  const auto deadline = std::chrono::steady_clock::now() + kBusyWait;
  while (true) {
    bool empty = true;
    for (const auto& directory : directories_) {
      const auto pids = processes_in(directory.path);
      if (pids.empty()) continue;
      empty = false;
      const Path all_at_once = directory.path / "cgroup.kill";
      if (is_there(all_at_once) && write_control(all_at_once, "1")) continue;
      for (const pid_t pid : pids) {
        // Identified after it was seen inside, so that a reused pid is hit only if it is inside
        // too.
        const auto process = identify_process(pid);
        if (process) (void)signal_process(*process, SIGKILL);
      }
    }
    if (empty) return {};
    if (std::chrono::steady_clock::now() > deadline) {
      return fail(Code::kDeadlineExceeded, "processes of a cgroup do not die");
    }
    std::this_thread::sleep_for(kBusyStep);
  }
}

Result<void> Cgroup::remove() {
  Result<void> result;
  for (const auto& directory : std::exchange(directories_, {})) {
    if (auto removed = remove_group(directory.path); !removed && result) result = removed;
  }
  return result;
}

std::vector<std::string> list_cgroups(const CgroupSupport& support, std::string_view parent) {
  std::vector<std::string> names;
  for (const auto& hierarchy : hierarchies(support)) {
    std::error_code error;
    const Path above = hierarchy.root / std::string(parent);
    for (const auto& entry : std::filesystem::directory_iterator(above, error)) {
      const std::string name = entry.path().filename().native();
      if (entry.is_directory(error) && !contains(names, name)) names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> remove_cgroup_parent(const CgroupSupport& support, std::string_view parent) {
  WRENN_TRY(check_name(parent));
  for (const auto& hierarchy : hierarchies(support)) {
    WRENN_TRY(remove_group(hierarchy.root / std::string(parent)));
  }
  return {};
}

}  // namespace wrenn::base
