#include "vm/qemu/qemu.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/semver.h"
#include "base/strings.h"
#include "net/scope.h"
#include "vm/jail.h"
#include "vm/memory_save.h"
#include "vm/program_output.h"
#include "vm/qemu/probe.h"
#include "vm/qemu/qmp.h"
#include "vm/qemu/reply.h"
#include "vm/qemu/tsc.h"

// Defined in preload_blob.S.
extern "C" const char wrenn_preload_begin[];
extern "C" const char wrenn_preload_end[];

namespace wrenn::vm {
namespace {

using base::Code;
using base::concat;

constexpr std::array kPaths = {"/usr/bin/qemu-system-x86_64", "/usr/local/bin/qemu-system-x86_64"};
constexpr std::string_view kOldestVersion = "7.0";
constexpr auto kCommandTimeout = std::chrono::seconds(30);
constexpr auto kRestoreTimeout = std::chrono::seconds(30);
// QEMU's own complaints. Short: it logs nothing on behalf of the guest.
constexpr const char* kLogFile = "qemu.log";

// "QEMU emulator version 7.2.19 (Debian 1:7.2+dfsg-7)" -> "7.2.19"
std::string version_in(std::string_view text) {
  constexpr std::string_view kBefore = "version ";
  const auto at = text.find(kBefore);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + kBefore.size());
  return std::string(text.substr(0, text.find_first_not_of("0123456789.")));
}

constexpr std::string_view kMergeJob = "merge";

std::string last_words(const base::Path& directory) {
  constexpr std::size_t kTail = 400;
  const auto text = base::read_file(directory / kLogFile);
  if (!text || text->empty()) return {};
  return concat(
      " (it said: ", base::trim(text->substr(text->size() - std::min(kTail, text->size()))), ")");
}

std::uint64_t memory_bytes(const VmSpec& spec) {
  return static_cast<std::uint64_t>(spec.memory_mb) << 20;
}

// The map first, then the layers.
base::Result<std::vector<base::Fd>> open_memory(const MemoryImage& memory, std::uint64_t bytes) {
  WRENN_TRY_ASSIGN(const MemoryMap parsed, read_memory_map(memory.map));
  if (parsed.memory_bytes != bytes) {
    return base::fail(Code::kDataLoss, concat(memory.map.native(), " is of another memory"));
  }
  WRENN_TRY(check_layers(parsed, memory.layers));
  std::vector<base::Fd> files;
  WRENN_TRY_ASSIGN(base::Fd map, base::open_file(memory.map, O_RDONLY));
  files.push_back(std::move(map));
  for (const auto& path : memory.layers) {
    WRENN_TRY_ASSIGN(base::Fd layer, base::open_file(path, O_RDONLY));
    files.push_back(std::move(layer));
  }
  return files;
}

net::Task<base::Result<std::string>> execute_now(base::Path directory, std::string command,
                                                 std::string arguments) {
  WRENN_CO_TRY_ASSIGN(const auto qmp, co_await Qmp::connect(std::move(directory)));
  co_return co_await qmp->execute(std::move(command), std::move(arguments));
}

// The bytes of preload.c's library as a file that ld.so can load from a descriptor.
base::Result<base::Fd> make_preload() {
  base::Fd fd(::memfd_create("wrenn-preload", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return base::fail_errno(errno, "cannot make a memory file");
  WRENN_TRY(base::write_all(fd.get(), {wrenn_preload_begin, wrenn_preload_end}));
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) !=
      0) {
    return base::fail_errno(errno, "cannot seal a memory file");
  }
  return fd;
}

}  // namespace

base::Result<QemuBinary> find_qemu() {
  for (const char* path : kPaths) {
    if (::access(path, X_OK) != 0) continue;
    WRENN_TRY_ASSIGN(const std::string text, output_of({path, "--version"}));
    QemuBinary binary{path, version_in(text)};
    const auto version = base::Semver::parse(binary.version);
    if (!version || *version < *base::Semver::parse(kOldestVersion)) {
      return base::fail(Code::kFailedPrecondition,
                        concat(path, " is version '", binary.version, "', too old for Wrenn"),
                        concat("install QEMU ", kOldestVersion, " or newer"));
    }
    return binary;
  }
  return base::fail(Code::kFailedPrecondition, "qemu-system-x86_64 is not installed",
                    "run 'make setup', or install the package qemu-system-x86");
}

base::Result<std::unique_ptr<Qemu>> Qemu::create(QemuBinary binary, Accelerator accelerator,
                                                 base::Path device_dir, net::BlockingPool& pool) {
  WRENN_TRY_ASSIGN(base::Fd preload, make_preload());
  return std::unique_ptr<Qemu>(
      new Qemu(std::move(binary), accelerator, std::move(device_dir), pool, std::move(preload)));
}

Qemu::Qemu(QemuBinary binary, Accelerator accelerator, base::Path device_dir,
           net::BlockingPool& pool, base::Fd preload)
    : binary_(std::move(binary)),
      accelerator_(accelerator),
      device_dir_(std::move(device_dir)),
      tsc_khz_(measure_tsc_khz()),
      pool_(pool),
      preload_(std::move(preload)) {}

base::JailSpec Qemu::jail(const VmSpec& spec, StartMode mode) const {
  base::JailSpec jail;
  jail.argv = qemu_command(binary_, accelerator_, spec, mode, tsc_khz_);
  base::add_system_files(jail);
  jail.binds.push_back({spec.directory, kJailDirectory, base::MountAccess::kReadWrite});
  if (spec.disk_format == DiskFormat::kDevice) {
    jail.binds.push_back({spec.directory / spec.disk_file,
                          concat(kJailDirectory, '/', spec.disk_file), base::MountAccess::kDevice});
  }
  jail.binds.push_back({"/proc/self/fd", kJailFds});
  jail.env.push_back(concat("LD_PRELOAD=", kJailFds, '/', kPreloadFd));
  for (const auto& file : spec.backing) jail.binds.push_back({file.source, file.target});
  const bool uses_kvm = accelerator_ == Accelerator::kKvm;
  if (uses_kvm) {
    jail.binds.push_back({device_dir_ / "kvm", "/dev/kvm", base::MountAccess::kDevice});
  }
  jail.fds = {{preload_.get(), kPreloadFd}};
  if (spec.tap_fd >= 0) jail.fds.push_back({spec.tap_fd, kTapFd});
  confine(jail, spec, uses_kvm ? Devices::kOpened : Devices::kNone);
  return jail;
}

net::Task<base::Result<VmProcess>> Qemu::boot(const VmSpec& spec, const BootSource& source) {
  base::JailSpec prepared = jail(spec, StartMode::kBoot);
  prepared.binds.push_back({source.kernel, kJailKernel});
  prepared.binds.push_back({source.initramfs, kJailInitramfs});
  co_return co_await pool_.run([&prepared, &spec] { return start(prepared, spec); });
}

net::Task<base::Result<VmProcess>> Qemu::restore(const VmSpec& spec, const MemoryImage& memory,
                                                 int devices_fd) {
  base::JailSpec prepared = jail(spec, StartMode::kRestore);
  prepared.fds.push_back({devices_fd, kDevicesFd});
  WRENN_CO_TRY_ASSIGN(VmProcess process, co_await pool_.run([&prepared, &spec,
                                                             &memory]() -> base::Result<VmProcess> {
    WRENN_TRY_ASSIGN(const auto files, open_memory(memory, memory_bytes(spec)));
    prepared.fds.push_back({files.front().get(), kMemoryMapFd});
    for (std::size_t i = 1; i < files.size(); ++i) {
      prepared.fds.push_back({files[i].get(), kFirstLayerFd + static_cast<int>(i) - 1});
    }
    return start(prepared, spec);
  }));
  auto running = co_await net::with_timeout(kRestoreTimeout, wait_until_running(spec));
  if (running) co_return process;
  WRENN_CO_TRY(co_await pool_.run([&process] { return kill_vm(process); }));
  co_return base::fail(std::move(running).error().with_context(
      concat("QEMU does not restore the VM", last_words(spec.directory))));
}

net::Task<base::Result<void>> Qemu::wait_until_running(const VmSpec& spec) {
  WRENN_CO_TRY_ASSIGN(const auto qmp, co_await Qmp::connect(spec.directory));
  co_return co_await qmp->wait_until_running();
}

base::Result<VmProcess> Qemu::start(base::JailSpec& jail, const VmSpec& spec) {
  WRENN_TRY_ASSIGN(
      const base::Fd log,
      base::open_file(spec.directory / kLogFile, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600));
  WRENN_TRY_ASSIGN(const base::Fd qmp, listen_for_qmp(spec.directory));
  jail.fds.push_back({log.get(), 1});
  jail.fds.push_back({log.get(), 2});
  jail.fds.push_back({qmp.get(), kQmpFd});
  return base::spawn(jail);
}

net::Task<base::Result<std::string>> Qemu::execute(base::Path directory, std::string command,
                                                   std::string arguments) {
  co_return co_await net::with_timeout(
      kCommandTimeout, execute_now(std::move(directory), std::move(command), std::move(arguments)));
}

net::Task<base::Result<std::string>> Qemu::ask_monitor(base::Path directory, std::string question) {
  co_return co_await execute(std::move(directory), "human-monitor-command",
                             concat(R"({"command-line":")", question, "\"}"));
}

net::Task<base::Result<void>> Qemu::stop(const VmSpec& spec) {
  WRENN_CO_TRY(co_await execute(spec.directory, "stop"));
  co_return {};
}

net::Task<base::Result<void>> Qemu::go_on(const VmSpec& spec) {
  WRENN_CO_TRY(co_await execute(spec.directory, "cont"));
  co_return {};
}

net::Task<base::Result<void>> Qemu::save_devices(const VmSpec& spec) {
  // "live" would make QEMU give its disks away when the VM stands still.
  WRENN_CO_TRY(co_await execute(
      spec.directory, "xen-save-devices-state",
      concat(R"({"filename":")", kJailDirectory, '/', kDevicesFile, R"(","live":false})")));
  co_return {};
}

net::Task<base::Result<MemoryMap>> Qemu::save_memory(const VmSpec& spec, const VmProcess& process,
                                                     const MemoryMap& base, int layer, int fd) {
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await ask_monitor(spec.directory, "gpa2hva 0"));
  WRENN_CO_TRY_ASSIGN(const std::uint64_t address, memory_address_in(reply));
  const MemorySource source{
      .pid = process.identity.pid, .address = address, .bytes = memory_bytes(spec)};
  co_return co_await pool_.run(
      [&source, &base, layer, fd] { return save_changed_pages(source, base, layer, fd); });
}

net::Task<base::Result<void>> Qemu::switch_disk(const VmSpec& spec, std::string file) {
  WRENN_CO_TRY(co_await execute(
      spec.directory, "blockdev-snapshot-sync",
      concat(R"({"device":"disk","format":"qcow2","mode":"existing","snapshot-file":")",
             kJailDirectory, '/', file, R"(","snapshot-node-name":")", file, "\"}")));
  co_return {};
}

net::Task<base::Result<std::string>> Qemu::current_disk(const VmSpec& spec) {
  WRENN_CO_TRY_ASSIGN(const std::string reply,
                      co_await ask_monitor(spec.directory, "info block disk"));
  co_return disk_file_in(reply);
}

net::Task<base::Result<void>> Qemu::start_merge(const VmSpec& spec, std::size_t onto) {
  const BackingFile& below = spec.backing.at(onto);
  // One that was switched to has no other name inside than that of its node.
  const bool is_own = below.source.parent_path() == spec.directory;
  const std::string base = is_own
                               ? concat(R"("base-node":")", below.source.filename().native(), '"')
                               : concat(R"("base":")", below.target.native(), '"');
  WRENN_CO_TRY(co_await execute(spec.directory, "block-stream",
                                concat(R"({"job-id":")", kMergeJob, R"(","device":"disk",)", base,
                                       R"(,"backing-file":")", below.target.native(), "\"}")));
  co_return {};
}

net::Task<base::Result<bool>> Qemu::is_merging(const VmSpec& spec) {
  WRENN_CO_TRY_ASSIGN(const std::string jobs, co_await execute(spec.directory, "query-block-jobs"));
  co_return has_jobs(jobs);
}

net::Task<base::Result<void>> Qemu::cancel_merge(const VmSpec& spec) {
  constexpr auto kLookInterval = std::chrono::milliseconds(2);
  constexpr auto kTimeout = std::chrono::seconds(30);
  const auto until = base::steady_now() + kTimeout;
  while (base::steady_now() < until) {
    WRENN_CO_TRY_ASSIGN(const bool is_running, co_await is_merging(spec));
    if (!is_running) co_return {};
    // Fails when it has ended just now.
    (void)co_await execute(spec.directory, "block-job-cancel",
                           concat(R"({"device":")", kMergeJob, R"(","force":true})"));
    WRENN_CO_TRY(co_await net::sleep_for(kLookInterval));
  }
  co_return base::fail(Code::kDeadlineExceeded, "the merging of a disk does not end");
}

net::Task<base::Result<std::string>> Qemu::console(const VmSpec& spec) {
  WRENN_CO_TRY_ASSIGN(
      const std::string reply,
      co_await execute(spec.directory, "ringbuf-read", R"({"device":"console","size":65536})"));
  co_return console_in(reply);
}

}  // namespace wrenn::vm
