#include "envd/process/guest_cgroups.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/vfs.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/log.h"
#include "base/strings.h"

namespace wrenn::envd {
namespace {

using base::Path;

constexpr std::uint64_t kMiB = 1u << 20;

struct Setting {
  const char* file;
  std::string value;
};

// Makes a group and remembers what of it was refused.
class Builder {
 public:
  base::Result<void> make(const Path& group, const std::vector<Setting>& settings) {
    if (::mkdir(group.c_str(), 0755) != 0 && errno != EEXIST) {
      return base::fail_errno(errno, base::concat("cannot make ", group.native()));
    }
    for (const Setting& setting : settings) write(group / setting.file, setting.value);
    return {};
  }
  // One by one: a machine may offer some controllers only.
  void enable_controllers(const Path& group) {
    for (const char* controller : {"cpu", "memory", "io", "pids"}) {
      write(group / "cgroup.subtree_control", base::concat('+', controller));
    }
  }
  const std::string& refused() const { return refused_; }

 private:
  void write(const Path& file, const std::string& value) {
    const auto fd = base::open_file(file, O_WRONLY);
    if (fd && base::write_all(fd->get(), value)) return;
    const std::string name =
        base::concat(file.parent_path().filename().native(), '/', file.filename().native());
    if (refused_.find(name) != std::string::npos) return;
    refused_ += base::concat(refused_.empty() ? "" : " ", name);
  }
  std::string refused_;
};

std::optional<std::uint64_t> read_number(const char* file) {
  const auto text = base::read_file(file);
  return text ? base::parse_int<std::uint64_t>(base::trim(*text)) : std::nullopt;
}

std::uint64_t total_memory() {
  struct sysinfo info{};
  return ::sysinfo(&info) == 0 ? std::uint64_t{info.totalram} * info.mem_unit : 0;
}

// A guest of 512 MiB allows 4096 or so; without /proc that is a good guess.
std::uint64_t kernel_pids() {
  constexpr std::uint64_t kGuess = 4096;
  return std::min(read_number("/proc/sys/kernel/threads-max").value_or(kGuess),
                  read_number("/proc/sys/kernel/pid_max").value_or(kGuess));
}

base::Result<void> make_groups(Builder& builder, const Path& root, const GuestLimits& limits) {
  const Path top = root / "wrenn";
  const Path commands = top / "commands";
  // The relays' memory is safe only if the group around them claims it too.
  const std::vector<Setting> relay_memory = {{"memory.min", base::concat(5 * kMiB)},
                                             {"memory.low", base::concat(8 * kMiB)}};
  std::vector<Setting> relay = relay_memory;
  relay.push_back({"cpu.weight", "150"});

  builder.enable_controllers(root);
  WRENN_TRY(builder.make(top, relay_memory));
  builder.enable_controllers(top);
  WRENN_TRY(builder.make(commands, {{"cpu.weight", "250"},  // As its two groups together.
                                    {"memory.max", base::concat(limits.memory_max)},
                                    {"memory.high", base::concat(limits.memory_max)},
                                    {"pids.max", base::concat(limits.commands_pids_max)}}));
  builder.enable_controllers(commands);
  const std::string pids_max = base::concat(limits.kind_pids_max);
  WRENN_TRY(
      builder.make(commands / "user",
                   {{"cpu.weight", "50"}, {"io.weight", "default 10"}, {"pids.max", pids_max}}));
  WRENN_TRY(
      builder.make(commands / "pty",
                   {{"cpu.weight", "200"}, {"io.weight", "default 50"}, {"pids.max", pids_max}}));
  return builder.make(top / "relay", relay);
}

}  // namespace

GuestLimits guest_limits(std::uint64_t total_memory, std::uint64_t kernel_pids) {
  return {.memory_max = total_memory - std::min(total_memory / 8, 128 * kMiB),
          .commands_pids_max = kernel_pids / 8 * 7,
          .kind_pids_max = kernel_pids / 4 * 3};
}

GuestCgroups GuestCgroups::create(const Path& root) {
  GuestCgroups groups;
  struct statfs info{};
  if (::statfs(root.c_str(), &info) != 0 || info.f_type != CGROUP2_SUPER_MAGIC) {
    base::log_info("no cgroups", {{"reason", base::concat(root.native(), " is no cgroup v2")}});
    return groups;
  }
  const GuestLimits limits = guest_limits(total_memory(), kernel_pids());
  Builder builder;
  if (const auto made = make_groups(builder, root, limits); !made) {
    base::log_warn("no cgroups", {{"error", made.error()}});
    return groups;
  }
  const auto open = [&](CgroupKind kind, const char* path) {
    auto fd = base::open_file(root / "wrenn" / path, O_RDONLY | O_DIRECTORY);
    if (fd) groups.fds_[static_cast<std::size_t>(kind)] = std::move(*fd);
  };
  open(CgroupKind::kUser, "commands/user");
  open(CgroupKind::kPty, "commands/pty");
  open(CgroupKind::kRelay, "relay");
  base::log_info("cgroups", {{"root", root.native()},
                             {"memory_max", limits.memory_max},
                             {"pids_max", limits.commands_pids_max},
                             {"refused", builder.refused()}});
  return groups;
}

}  // namespace wrenn::envd
