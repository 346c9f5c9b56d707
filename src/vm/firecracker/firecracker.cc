#include "vm/firecracker/firecracker.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"
#include "net/scope.h"
#include "vm/device_node.h"
#include "vm/firecracker/memory_file.h"
#include "vm/firecracker/memory_files.h"
#include "vm/firecracker/page_handler.h"
#include "vm/firecracker/reply.h"
#include "vm/firecracker/saved_state.h"

namespace wrenn::vm {
namespace {

using base::Code;
using base::concat;
using base::Result;
using namespace firecracker;  // NOLINT(google-build-using-namespace): its own parts.

constexpr auto kSocketTimeout = std::chrono::seconds(10);
// In the VM's directory.
constexpr const char* kStateFile = "state.bin";         // Of devices, to be loaded.
constexpr const char* kUnfinishedState = "state.part";  // Of devices, just saved.
constexpr const char* kWholeMemory = "memory.img";      // Of several layers.
constexpr const char* kUserfaultfd = "userfaultfd";     // The name of the device.
constexpr const char* kMayFault = "/proc/sys/vm/unprivileged_userfaultfd";
constexpr const char* kFreeHugePages = "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages";

std::uint64_t memory_bytes(const VmSpec& spec) {
  return static_cast<std::uint64_t>(spec.memory_mb) << 20;
}

ApiOptions api_of(const VmSpec& spec) {
  return {spec.directory, spec.uid};
}

Result<void> check_spec(const VmSpec& spec) {
  if (spec.disk_format == DiskFormat::kQcow2 || !spec.backing.empty()) {
    return base::fail(Code::kFailedPrecondition,
                      "Firecracker needs a disk that is one whole file, and this one is an overlay",
                      "use QEMU for it, or make it anew from an image");
  }
  if (!is_disk_name(spec.disk_file)) {
    return base::fail(Code::kInvalidArgument, concat("bad name of a disk: ", spec.disk_file));
  }
  constexpr int kMaxVcpus = 32;
  if (spec.vcpus < 1 || spec.vcpus > kMaxVcpus) {
    return base::fail(Code::kInvalidArgument,
                      concat("Firecracker's VMs have 1 to ", kMaxVcpus, " CPUs, not ", spec.vcpus));
  }
  return {};
}

// A hypervisor opens it by name, as its own user. Only root can get at the directories it lies in.
Result<void> let_all_read(const base::Path& path) {
  WRENN_TRY_ASSIGN(const base::Fd file, base::open_file(path, O_RDONLY));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return base::fail_errno(errno, "fstat");
  if ((info.st_mode & S_IROTH) != 0) return {};
  if (::fchmod(file.get(), 0444) == 0) return {};
  return base::fail_errno(errno, concat("cannot let a VM read ", path.native()));
}

net::Task<Result<void>> call(const VmSpec& spec, ApiCall what,
                             base::Duration deadline = kShortCall) {
  WRENN_CO_TRY(co_await ask(api_of(spec), std::move(what), deadline));
  co_return {};
}

// Until it answers. A process that has ended never will.
net::Task<Result<void>> wait_until_it_answers(const VmSpec& spec, const VmProcess& process) {
  constexpr auto kFirst = std::chrono::milliseconds(1);
  constexpr auto kLast = std::chrono::milliseconds(16);
  base::Duration interval = kFirst;
  while (true) {
    const auto answer = co_await ask(api_of(spec), describe_version());
    if (answer) {
      WRENN_CO_TRY(version_reply_in(*answer));
      co_return {};
    }
    if (answer.error().code != Code::kUnavailable) co_return base::fail(answer.error());
    if (!base::is_alive(process.identity)) {
      co_return base::fail(Code::kUnavailable, "Firecracker ended at once");
    }
    WRENN_CO_TRY(co_await net::sleep_for(interval));
    interval = std::min<base::Duration>(2 * interval, kLast);
  }
}

}  // namespace

bool may_bring_pages() {
  const auto allowed = base::read_file(kMayFault);
  return ::access("/dev/userfaultfd", F_OK) == 0 || (allowed && base::trim(*allowed) == "1");
}

base::Result<void> make_firecracker_devices(const base::Path& directory) {
  WRENN_TRY_ASSIGN(const base::Path kvm, device_node("/dev/kvm", directory));
  if (kvm.empty()) {
    return base::fail(Code::kFailedPrecondition, "Firecracker needs KVM, and there is no /dev/kvm",
                      "load the module kvm_intel or kvm_amd, or use QEMU");
  }
  WRENN_TRY_ASSIGN(const base::Path tun, device_node("/dev/net/tun", directory));
  if (tun.empty()) {
    return base::fail(Code::kFailedPrecondition, "there is no /dev/net/tun", "modprobe tun");
  }
  // Without this one memory cannot come page by page, which is found out when it has to.
  WRENN_TRY(device_node("/dev/userfaultfd", directory));
  return {};
}

Firecracker::Firecracker(Binary binary, FirecrackerOptions options, net::BlockingPool& pool)
    : binary_(std::move(binary)),
      features_(features_of(base::Semver::parse(binary_.version).value_or(base::Semver()))),
      options_(std::move(options)),
      pool_(pool) {}

base::JailSpec Firecracker::jail(const VmSpec& spec) const {
  return make_jail(binary_, spec, options_.device_dir);
}

// --- Starting ---

net::Task<Result<VmProcess>> Firecracker::boot(const VmSpec& spec, const BootSource& source) {
  WRENN_CO_TRY(check_spec(spec));
  base::JailSpec prepared = jail(spec);
  prepared.binds.push_back({source.kernel, kJailKernel});
  prepared.binds.push_back({source.initramfs, kJailInitramfs});
  WRENN_CO_TRY_ASSIGN(Started vm, co_await pool_.run([&]() -> Result<Started> {
    WRENN_TRY(check_huge_pages(spec));
    return launch(std::move(prepared), spec);
  }));
  auto up = co_await boot_up(spec, vm.process);
  co_return co_await started(std::move(vm), std::move(up));
}

net::Task<Result<void>> Firecracker::boot_up(const VmSpec& spec, const VmProcess& process) {
  WRENN_CO_TRY(co_await net::with_timeout(kSocketTimeout, wait_until_it_answers(spec, process)));
  std::vector<ApiCall> calls = {
      set_log(in_jail(kLogPipe)),
      // What changed since a boot is everything: there is nothing to compare it with.
      set_machine({.vcpus = spec.vcpus,
                   .memory_mb = spec.memory_mb,
                   .tracking = DirtyTracking::kOff,
                   .huge_pages = options_.huge_pages}),
      set_boot_source(kJailKernel, kJailInitramfs, kernel_command_line()),
      set_disk(in_jail(spec.disk_file)), set_entropy(), set_balloon(features_.free_page_reporting)};
  if (!spec.tap_name.empty()) {
    calls.push_back(set_network_card(spec.tap_name));
    calls.push_back(set_metadata_service());
    calls.push_back(set_metadata(spec.id));
  }
  calls.push_back(firecracker::start());
  for (auto& one : calls) WRENN_CO_TRY(co_await call(spec, std::move(one)));
  co_return {};
}

struct Firecracker::Restore {
  SavedState state;
  MemoryBackend backend = MemoryBackend::kFile;
  base::Path memory_file;  // For kFile.
};

net::Task<Result<VmProcess>> Firecracker::restore(const VmSpec& spec, const MemoryImage& memory,
                                                  int devices_fd) {
  WRENN_CO_TRY(check_spec(spec));
  Restore restore;
  WRENN_CO_TRY_ASSIGN(Started vm, co_await pool_.run([&]() -> Result<Started> {
    WRENN_TRY_ASSIGN(restore, prepare_restore(spec, memory, devices_fd));
    base::JailSpec prepared = jail(spec);
    if (restore.backend == MemoryBackend::kFile) {
      prepared.binds.push_back({restore.memory_file, kJailMemory});
    } else if (::access((options_.device_dir / kUserfaultfd).c_str(), F_OK) == 0) {
      prepared.binds.push_back(
          {options_.device_dir / kUserfaultfd, "/dev/userfaultfd", base::MountAccess::kDevice});
    }
    WRENN_TRY_ASSIGN(Started launched, launch(std::move(prepared), spec));
    if (restore.backend == MemoryBackend::kFile) return launched;
    auto handler = start_page_handler(options_.page_handler, spec, memory, launched.log.get());
    if (handler) return launched;
    WRENN_TRY(kill_vm(launched.process));
    return base::fail(std::move(handler).error());
  }));
  auto up = co_await load(spec, vm.process, restore);
  co_return co_await started(std::move(vm), std::move(up));
}

Result<Firecracker::Restore> Firecracker::prepare_restore(const VmSpec& spec,
                                                          const MemoryImage& memory,
                                                          int devices_fd) const {
  Restore restore;
  WRENN_TRY_ASSIGN(restore.state, take_state(devices_fd, spec.directory / kStateFile));
  WRENN_TRY(check_snapshot_format(restore.state.format, binary_.snapshot_format));
  if (!is_disk_name(restore.state.disk_file)) {
    return base::fail(Code::kDataLoss, "the saved devices of a VM have a disk that cannot be");
  }
  // Firecracker opens the disk by the name that it had.
  if (restore.state.disk_file != spec.disk_file &&
      ::symlink(spec.disk_file.c_str(), (spec.directory / restore.state.disk_file).c_str()) != 0) {
    return base::fail_errno(errno, "cannot name a VM's disk as it was");
  }
  WRENN_TRY(prepare_memory(spec, memory, restore));
  return restore;
}

Result<void> Firecracker::prepare_memory(const VmSpec& spec, const MemoryImage& memory,
                                         Restore& restore) const {
  WRENN_TRY_ASSIGN(const MemoryMap map, read_memory_map(memory.map));
  if (map.memory_bytes != memory_bytes(spec)) {
    return base::fail(Code::kDataLoss, concat(memory.map.native(), " is of another memory"));
  }
  WRENN_TRY(check_layers(map, memory.layers));
  WRENN_TRY(check_huge_pages(spec));
  const bool is_huge = options_.huge_pages != HugePages::kNone;
  if (!is_huge && options_.loading != MemoryLoading::kUffd) {
    if (is_plain(map)) {
      restore.memory_file = memory.layers.front();
      return let_all_read(restore.memory_file);
    }
    restore.memory_file = spec.directory / kWholeMemory;
    WRENN_TRY_ASSIGN(
        const base::Fd file,
        base::open_file(restore.memory_file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0444));
    auto whole = put_together(map, memory.layers, file.get());
    if (whole || options_.loading == MemoryLoading::kFile ||
        whole.error().code != Code::kUnimplemented) {
      return whole;
    }
    if (::unlink(restore.memory_file.c_str()) != 0) return base::fail_errno(errno, "unlink");
  }
  restore.backend = MemoryBackend::kUffd;
  const auto allowed = base::read_file(kMayFault);
  if (::access((options_.device_dir / kUserfaultfd).c_str(), F_OK) == 0 ||
      (allowed && base::trim(*allowed) == "1")) {
    return {};
  }
  return base::fail(Code::kFailedPrecondition,
                    "this VM's memory has to come page by page, and there is no /dev/userfaultfd",
                    "use a kernel with it (6.1), or a file system that shares blocks (XFS, btrfs)");
}

Result<void> Firecracker::check_huge_pages(const VmSpec& spec) const {
  if (options_.huge_pages == HugePages::kNone) return {};
  constexpr std::uint64_t kHugePage = 2ull << 20;
  if (memory_bytes(spec) % kHugePage != 0) {
    return base::fail(Code::kInvalidArgument, "with huge pages memory is a multiple of 2 MB");
  }
  const std::uint64_t needed = memory_bytes(spec) / kHugePage;
  const auto text = base::read_file(kFreeHugePages);
  const auto free = text ? base::parse_int<std::uint64_t>(base::trim(*text)) : std::nullopt;
  if (free && *free >= needed) return {};
  return base::fail(
      Code::kResourceExhausted,
      concat("a VM needs ", needed, " huge pages, and ", free.value_or(0), " are free"),
      "set more aside (sysctl vm.nr_hugepages), or do without");
}

net::Task<Result<void>> Firecracker::load(const VmSpec& spec, const VmProcess& process,
                                          const Restore& restore) {
  WRENN_CO_TRY(co_await net::with_timeout(kSocketTimeout, wait_until_it_answers(spec, process)));
  WRENN_CO_TRY(co_await call(spec, set_log(in_jail(kLogPipe))));
  const bool is_huge = options_.huge_pages != HugePages::kNone;
  const bool is_file = restore.backend == MemoryBackend::kFile;
  const SnapshotLoad request{
      .state = in_jail(kStateFile),
      .backend = restore.backend,
      .backend_path = is_file ? std::string(kJailMemory) : in_jail(kHandlerSocket),
      // It is tracked in pages of 4 KiB, which would undo the huge ones.
      .tracking = is_huge ? DirtyTracking::kOff : DirtyTracking::kOn,
      .tracks_by_new_name = features_.tracks_by_new_name};
  WRENN_CO_TRY(co_await call(spec, load_snapshot(request), kLongCall));
  if (restore.state.disk_file != spec.disk_file) {
    WRENN_CO_TRY(co_await call(spec, change_disk(in_jail(spec.disk_file))));
  }
  // What the metadata service has to tell is not saved.
  if (!spec.tap_name.empty()) WRENN_CO_TRY(co_await call(spec, set_metadata(spec.id)));
  co_return co_await call(spec, firecracker::set_running(Running::kResumed));
}

net::Task<Result<VmProcess>> Firecracker::started(Started vm, Result<void> outcome) {
  if (outcome) co_return std::move(vm.process);
  constexpr std::size_t kTail = 400;
  const std::string said = read_pipe(vm.log.get());
  WRENN_CO_TRY(co_await pool_.run([&vm] { return kill_vm(vm.process); }));
  base::Error error = std::move(outcome).error().with_context("Firecracker does not start the VM");
  if (const auto words = base::trim(said); !words.empty()) {
    error.message +=
        concat(" (it said: ", words.substr(words.size() - std::min(kTail, words.size())), ")");
  }
  co_return base::fail(std::move(error));
}

// --- Running ---

net::Task<Result<void>> Firecracker::stop(const VmSpec& spec) {
  co_return co_await set_running(spec, Running::kPaused);
}

net::Task<Result<void>> Firecracker::go_on(const VmSpec& spec) {
  co_return co_await set_running(spec, Running::kResumed);
}

net::Task<Result<void>> Firecracker::set_running(const VmSpec& spec, Running wanted) {
  auto set = co_await call(spec, firecracker::set_running(wanted));
  if (set || set.error().code != Code::kFailedPrecondition) co_return set;
  // It may be so already.
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await ask(api_of(spec), describe_instance()));
  WRENN_CO_TRY_ASSIGN(const InstanceState state, instance_state_in(reply));
  const InstanceState expected =
      wanted == Running::kPaused ? InstanceState::kPaused : InstanceState::kRunning;
  if (state == expected) co_return {};
  co_return set;
}

net::Task<Result<std::string>> Firecracker::console(const VmSpec& spec) {
  co_return co_await pool_.run([&spec] { return read_pipe(spec.directory / kConsolePipe); });
}

// --- Saving ---

net::Task<Result<void>> Firecracker::take_snapshot(const VmSpec& spec, SnapshotType type) {
  WRENN_CO_TRY(co_await pool_.run([&spec] { return begin_memory(spec.directory); }));
  WRENN_CO_TRY(co_await call(
      spec, create_snapshot(type, in_jail(kUnfinishedState), in_jail(kUnfinishedMemory)),
      kLongCall));
  const FileKind kind = type == SnapshotType::kFull ? FileKind::kFull : FileKind::kDiff;
  co_return co_await pool_.run([&spec, kind] { return finish_memory(spec.directory, kind); });
}

net::Task<Result<void>> Firecracker::save_devices(const VmSpec& spec) {
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await ask(api_of(spec), describe_config()));
  WRENN_CO_TRY_ASSIGN(const VmConfig config, vm_config_in(reply));
  WRENN_CO_TRY_ASSIGN(const bool can_diff, co_await pool_.run([&]() -> Result<bool> {
    WRENN_TRY_ASSIGN(const WrittenMemory written, find_written_memory(spec.directory));
    if (!config.tracks_dirty_pages || written.is_broken || written.files.size() >= kMaxDiffs) {
      return false;
    }
    return tells_holes(spec.directory);
  }));
  WRENN_CO_TRY(co_await take_snapshot(spec, can_diff ? SnapshotType::kDiff : SnapshotType::kFull));
  co_return co_await pool_.run([&]() -> Result<void> {
    const base::Path state = spec.directory / kUnfinishedState;
    WRENN_TRY(keep_state(state,
                         {.format = binary_.snapshot_format,
                          .version = binary_.version,
                          .disk_file = config.disk_file,
                          .bytes = 0},
                         spec.directory / kDevicesFile));
    if (::unlink(state.c_str()) == 0) return {};
    return base::fail_errno(errno, "cannot remove a VM's state");
  });
}

// The devices' snapshot wrote the memory as well. Where that does not do, another one is taken: the
// VM stands still, so it is the same.
net::Task<Result<MemoryMap>> Firecracker::save_memory(const VmSpec& spec, const VmProcess&,
                                                      const MemoryMap& base, int layer, int fd) {
  const auto make = [&]() -> Result<MemoryMap> {
    WRENN_TRY_ASSIGN(const WrittenMemory written, find_written_memory(spec.directory));
    if (written.is_broken || written.files.empty()) {
      return base::fail(Code::kFailedPrecondition, "the memory of a VM was not written");
    }
    return layer_of(written, base, layer, fd);
  };
  auto made = co_await pool_.run(make);
  const auto is_helped_by_all = [](Code code) {
    return code == Code::kFailedPrecondition || code == Code::kResourceExhausted;
  };
  if (made || !is_helped_by_all(made.error().code)) co_return made;
  WRENN_CO_TRY(co_await take_snapshot(spec, SnapshotType::kFull));
  co_return co_await pool_.run([&]() -> Result<MemoryMap> {
    (void)::unlink((spec.directory / kUnfinishedState).c_str());
    if (::ftruncate(fd, 0) != 0) return base::fail_errno(errno, "cannot empty a memory layer");
    return make();
  });
}

// --- Disks ---

net::Task<Result<void>> Firecracker::switch_disk(const VmSpec& spec, std::string file) {
  if (!is_disk_name(file)) {
    co_return base::fail(Code::kInvalidArgument, concat("bad name of a disk: ", file));
  }
  co_return co_await call(spec, change_disk(in_jail(file)));
}

net::Task<Result<std::string>> Firecracker::current_disk(const VmSpec& spec) {
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await ask(api_of(spec), describe_config()));
  WRENN_CO_TRY_ASSIGN(VmConfig config, vm_config_in(reply));
  co_return std::move(config.disk_file);
}

net::Task<Result<void>> Firecracker::start_merge(const VmSpec&, std::size_t) {
  co_return base::fail(Code::kUnimplemented,
                       "Firecracker's disks are whole files: there is nothing to merge");
}

net::Task<Result<bool>> Firecracker::is_merging(const VmSpec&) {
  co_return false;
}

net::Task<Result<void>> Firecracker::cancel_merge(const VmSpec&) {
  co_return {};
}

}  // namespace wrenn::vm
