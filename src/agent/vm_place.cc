#include "agent/vm_place.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "agent/disk_chain.h"
#include "agent/snapshot_disk.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;

// What QEMU itself takes beside the guest's memory, translated code included.
constexpr std::uint64_t kHypervisorBytes = 320ull << 20;
constexpr std::uint64_t kHypervisorThreads = 96;

base::CgroupLimits limits_of(const Shape& shape) {
  return {.memory_max_bytes = shape.memory_bytes() + kHypervisorBytes,
          // A quarter of a CPU for the hypervisor's own threads.
          .cpu_millis = static_cast<std::uint64_t>(shape.vcpus) * 1000 + 250,
          .pids_max = kHypervisorThreads + static_cast<std::uint64_t>(shape.vcpus)};
}

// `lower`: the chain it is an overlay of. `number`: higher than that of any disk in the directory.
Result<storage::Disk> make_top_disk(const VmPlace& place, const DiskChain& lower,
                                    std::size_t number) {
  const auto request = storage::DiskRequest{.backend = storage::CowBackend::kQcow2Overlay,
                                            .base = lower.back().path,
                                            .base_format = lower.back().format,
                                            .target = place.directory / disk_file(number),
                                            .virtual_size_bytes = place.shape.disk_bytes(),
                                            .backing_name = name_in_jail(lower.size() - 1)};
  WRENN_TRY_ASSIGN(auto disk, storage::create_disk(request));
  WRENN_TRY(give_to(disk.path, place.uid));
  return disk;
}

Result<void> make_disk(const Host& host, const DiskChain& base_disks, VmPlace& place) {
  const DiskFile& base = base_disks.back();
  const bool is_on_snapshot = base.format == storage::DiskFormat::kDmStore;
  if (is_on_snapshot && !host.snapshot_disks) return flatten_disk(base_disks, place);
  if (is_on_snapshot || (host.disk_backend == storage::CowBackend::kDmSnapshot &&
                         base.format == storage::DiskFormat::kRaw)) {
    return make_snapshot_disk(host, base_disks, place);
  }
  const bool shares_blocks = host.disk_backend == storage::CowBackend::kReflink &&
                             base.format == storage::DiskFormat::kRaw;
  if (!shares_blocks) {
    WRENN_TRY_ASSIGN(place.disk, make_top_disk(place, base_disks, base_disks.size()));
    place.lower_disks = base_disks;
    return {};
  }
  const auto request = storage::DiskRequest{.backend = host.disk_backend,
                                            .base = base.path,
                                            .target = place.directory / disk_file(0),
                                            .virtual_size_bytes = place.shape.disk_bytes(),
                                            .backing_name = {}};
  WRENN_TRY_ASSIGN(place.disk, storage::create_disk(request));
  return give_to(place.disk.path, place.uid);
}

Result<void> fill_place(Host& host, const DiskChain& base_disks, VmPlace& place) {
  WRENN_TRY(base::make_dirs(place.directory, 0700));
  WRENN_TRY(give_to(place.directory, place.uid));
  WRENN_TRY(make_disk(host, base_disks, place));
  WRENN_TRY_ASSIGN(place.tap, place.slot.open_tap(place.uid));
  if (host.hypervisor->network_card() == vm::NetworkCard::kName) {
    // It belongs to the VM's user now, and only one may have it open.
    place.tap.reset();
    place.tap_name = hostnet::kTapName;
  }
  WRENN_TRY_ASSIGN(place.cgroup, base::Cgroup::create(host.cgroups, host.config.tag.cgroup_parent(),
                                                      place.id, limits_of(place.shape)));
  return {};
}

void warn(const Result<void>& result, std::string_view what, const std::string& id) {
  if (!result) base::log_warn(what, {{"sandbox", id}, {"error", result.error()}});
}

}  // namespace

Result<void> give_to(const base::Path& path, uid_t uid) {
  if (::lchown(path.c_str(), uid, uid) != 0) {
    return base::fail_errno(errno, concat("cannot give ", path.native(), " to its VM"));
  }
  return {};
}

vm::VmSpec VmPlace::spec() const {
  std::vector<vm::BackingFile> backing;
  for (const auto& file : lower_disks) {
    if (!is_snapshot) backing.push_back({file.path, name_in_jail(backing.size())});
  }
  return {.id = id,
          .vcpus = shape.vcpus,
          .memory_mb = shape.memory_mb,
          .directory = directory,
          .disk_file = is_snapshot ? kDeviceNode : disk.path.filename().native(),
          .disk_format = is_snapshot                                ? vm::DiskFormat::kDevice
                         : disk.format == storage::DiskFormat::kRaw ? vm::DiskFormat::kRaw
                                                                    : vm::DiskFormat::kQcow2,
          .backing = std::move(backing),
          .uid = uid,
          .netns_fd = slot.netns.get(),
          .tap_fd = tap.get(),
          .tap_name = tap_name,
          .cgroup_procs = cgroup.procs_files()};
}

Result<VmPlace> make_place(Host& host, std::string id, const Shape& shape,
                           const base::Path& directory, const DiskChain& base_disks,
                           hostnet::Slot slot) {
  VmPlace place;
  place.id = std::move(id);
  place.shape = shape;
  place.directory = directory;
  place.uid = host.config.sandbox_uid(slot.index);
  place.slot = std::move(slot);
  if (auto filled = fill_place(host, base_disks, place); !filled) {
    clear_place(host, std::move(place));
    warn(base::remove_tree(directory), "a directory stays behind", directory.native());
    return base::fail(std::move(filled).error());
  }
  return place;
}

Result<storage::Disk> make_overlay(const VmPlace& place) {
  DiskChain lower = place.lower_disks;
  lower.push_back({place.disk.path, place.disk.format});
  WRENN_TRY_ASSIGN(const std::size_t number, next_disk_number(place.directory));
  return make_top_disk(place, lower, number);
}

void clear_place(Host& host, VmPlace place) {
  warn(place.cgroup.kill_all(), "a VM's processes could not all be ended", place.id);
  warn(place.cgroup.remove(), "a cgroup stays behind", place.id);
  if (place.is_snapshot && host.snapshot_disks) {
    warn(host.snapshot_disks->remove(place.id), "devices stay behind", place.id);
  }
  place.tap.reset();
  if (place.slot.index >= hostnet::kMinSlot) host.slots->release(std::move(place.slot));
}

net::Task<base::Error> with_console(Host& host, vm::VmSpec spec, base::Error error) {
  constexpr std::size_t kTail = 600;
  constexpr auto kTimeout = std::chrono::seconds(5);
  const auto text = co_await net::with_timeout(kTimeout, host.hypervisor->console(spec));
  if (text && !text->empty()) {
    const auto tail = text->size() > kTail ? text->substr(text->size() - kTail) : *text;
    error.message += concat("; its console ends with: ", base::trim(tail));
  }
  co_return error;
}

net::Task<void> keep_going(Host& host, vm::VmSpec spec) {
  constexpr auto kInterval = std::chrono::seconds(1);
  while (co_await net::sleep_for(kInterval)) {
    // One that does not answer is found out by who waits for its guest.
    (void)co_await host.hypervisor->go_on(spec);
  }
}

void end_vms(const AgentConfig& config, const VmUsers& users) {
  const auto contains = [](const std::vector<uid_t>& all, uid_t uid) {
    return std::find(all.begin(), all.end(), uid) != all.end();
  };
  const uid_t first = config.sandbox_uid(0);
  const uid_t last = config.sandbox_uid(hostnet::kMaxSlot);
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const auto pid = base::parse_int<pid_t>(entry.path().filename().native());
    if (!pid) continue;
    struct stat info{};
    // The owner of /proc/PID is the user the process runs as; one that has just ended has none.
    if (::stat(entry.path().c_str(), &info) != 0) continue;
    if (info.st_uid < first || info.st_uid > last) continue;
    if (contains(users.going_on, info.st_uid)) continue;
    const auto identity = base::identify_process(*pid);
    if (!identity) continue;
    if (!contains(users.ending, info.st_uid)) {
      base::log_warn("ending a VM that belongs to no sandbox", {{"pid", *pid}});
    }
    warn(vm::kill_process(*identity), "a VM does not end", entry.path().filename());
  }
}

}  // namespace wrenn::agent
