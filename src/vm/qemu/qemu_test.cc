// Real VMs under emulation, with the little guest of test_guest.S: it counts, and notices by itself
// when its memory is wrong.
#include "vm/qemu/qemu.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <charconv>
#include <cstring>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "net/scope.h"
#include "vm/qemu/qmp.h"

// Defined in test_guest.S.
extern "C" const char wrenn_test_guest_begin[];
extern "C" const char wrenn_test_guest_end[];

namespace wrenn::vm {
namespace {

using base::concat;
using base::Result;

constexpr int kMemoryMb = 64;
constexpr std::uint64_t kMemoryBytes = std::uint64_t{kMemoryMb} << 20;
constexpr uid_t kFirstUid = 1'879'099'500;
// The guest looks at each of its pages once in so many counts.
constexpr unsigned kRound = 256;

// A network with nothing in it.
base::Fd make_network() {
  base::Fd network;
  std::thread([&network] {
    if (::unshare(CLONE_NEWNET) != 0) return;
    network = base::Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  }).join();
  return network;
}

struct TestVm {
  VmSpec spec;
  base::Fd network;
  std::optional<VmProcess> process;
};

net::Task<Result<std::string>> monitor_now(base::Path directory, std::string command) {
  WRENN_CO_TRY_ASSIGN(const auto qmp, co_await Qmp::connect(std::move(directory)));
  co_return co_await qmp->execute("human-monitor-command",
                                  concat(R"({"command-line":")", command, "\"}"));
}

class QemuTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: it makes jails";
    auto binary = find_qemu();
    if (!binary) GTEST_SKIP() << binary.error().message;
    ASSERT_TRUE(dir_);
    auto qemu = Qemu::create(*std::move(binary), Accelerator::kTcg, dir_->path(), pool_);
    ASSERT_TRUE(qemu) << qemu.error().to_string();
    qemu_ = *std::move(qemu);
    ASSERT_TRUE(base::write_file_atomic(dir_->path() / "guest",
                                        {wrenn_test_guest_begin, wrenn_test_guest_end}));
  }
  void TearDown() override {
    for (auto& vm : vms_) kill(*vm);
  }

  template <class T>
  T wait(net::Task<T> task) {
    return loop_.block_on(std::move(task));
  }

  // A VM that is not started yet, with an empty disk.
  TestVm& make_vm(const std::string& name) {
    auto vm = std::make_unique<TestVm>();
    vm->network = make_network();
    VmSpec& spec = vm->spec;
    spec.id = name;
    spec.memory_mb = kMemoryMb;
    spec.directory = dir_->path() / name;
    spec.disk_file = "disk-0";
    spec.uid = kFirstUid + static_cast<uid_t>(vms_.size());
    spec.netns_fd = vm->network.get();
    EXPECT_TRUE(base::make_dirs(spec.directory, 0700));
    EXPECT_TRUE(base::write_file_atomic(spec.directory / "disk-0", std::string(1 << 20, '\0')));
    give(spec.directory, spec.uid);
    give(spec.directory / "disk-0", spec.uid);
    vms_.push_back(std::move(vm));
    return *vms_.back();
  }
  static void give(const base::Path& path, uid_t uid) {
    EXPECT_EQ(::chown(path.c_str(), uid, uid), 0);
  }

  void boot(TestVm& vm) {
    const base::Path guest = dir_->path() / "guest";
    auto process = wait(qemu_->boot(vm.spec, {guest, guest}));
    ASSERT_TRUE(process) << process.error().to_string();
    vm.process = *std::move(process);
  }
  Result<void> restore(TestVm& vm, const MemoryImage& memory, const base::Path& devices) {
    const auto file = base::open_file(devices, O_RDONLY);
    EXPECT_TRUE(file);
    WRENN_TRY_ASSIGN(vm.process, wait(qemu_->restore(vm.spec, memory, file->get())));
    return {};
  }
  static void kill(TestVm& vm) {
    if (vm.process) EXPECT_TRUE(kill_vm(*vm.process));
    vm.process.reset();
  }

  std::string monitor(const TestVm& vm, std::string command) {
    auto reply = wait(monitor_now(vm.spec.directory, std::move(command)));
    return reply ? *reply : reply.error().to_string();
  }

  // What the guest prints: the numbers that have come since the last call, at least so many.
  struct Counts {
    unsigned first = 0;
    unsigned last = 0;
  };
  Counts counts(const TestVm& vm, unsigned at_least) {
    std::string printed;
    Counts counts;
    unsigned seen = 0;
    for (int tries = 0; tries == 0 || (seen < at_least && tries < 2000); ++tries) {
      if (tries > 0) ::usleep(5000);
      const auto text = wait(qemu_->console(vm.spec));
      EXPECT_TRUE(text) << text.error().to_string();
      if (!text) break;
      printed += *text;
      EXPECT_EQ(printed.find("wrong"), std::string::npos) << "the guest found wrong memory";
      for (auto end = printed.find('\n'); end != std::string::npos; end = printed.find('\n')) {
        // The first line may have begun before.
        if (end == 8) {
          std::from_chars(printed.data(), printed.data() + end, counts.last, 16);
          if (++seen == 1) counts.first = counts.last;
        }
        printed.erase(0, end + 1);
      }
    }
    EXPECT_GE(seen, at_least) << "the guest does not run";
    return counts;
  }

  // Of a KiB of the disk that is filled with a byte of its own, by QEMU's own tool: what it finds
  // goes to the VM's log.
  void io(const TestVm& vm, std::string_view what, int number) {
    const std::string reply = monitor(
        vm, concat("qemu-io disk \\\"", what, " -P ", 0x41 + number, ' ', number, "k 1k\\\""));
    EXPECT_EQ(reply, "\"\"");
  }

  std::string guest_memory(const TestVm& vm) {
    const std::string reply = monitor(vm, "gpa2hva 0");
    std::uint64_t address = 0;
    const auto at = reply.rfind("0x");
    EXPECT_NE(at, std::string::npos) << reply;
    std::from_chars(reply.data() + at + 2, reply.data() + reply.size(), address, 16);
    std::string memory(kMemoryBytes, '\0');
    const iovec local{memory.data(), memory.size()};
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of the other process.
    const iovec remote{reinterpret_cast<void*>(address), memory.size()};
    EXPECT_EQ(::process_vm_readv(vm.process->identity.pid, &local, 1, &remote, 1, 0),
              static_cast<ssize_t>(memory.size()));
    return memory;
  }
  static std::string put_together(const MemoryMap& map, const MemoryImage& image) {
    std::string memory(map.memory_bytes, '\0');
    for (const auto& extent : map.extents) {
      if (extent.layer == kZeroLayer) continue;
      const auto file =
          base::open_file(image.layers[static_cast<std::size_t>(extent.layer)], O_RDONLY);
      EXPECT_TRUE(file);
      EXPECT_EQ(::pread(file->get(), memory.data() + extent.offset, extent.length,
                        static_cast<off_t>(extent.layer_offset)),
                static_cast<ssize_t>(extent.length));
    }
    return memory;
  }

  // Saves a VM that stands still into files that begin with this name.
  struct Saved {
    MemoryMap map;
    MemoryImage image;
    base::Path devices;
  };
  Saved save(const TestVm& vm, const Saved& base, const std::string& name) {
    Saved saved{.map = {},
                .image = {dir_->path() / concat(name, ".map"), base.image.layers},
                .devices = dir_->path() / concat(name, ".devices")};
    const int layer = base.map.layer_count;
    saved.image.layers.push_back(dir_->path() / concat(name, '.', layer));
    const auto devices = wait(qemu_->save_devices(vm.spec));
    EXPECT_TRUE(devices) << devices.error().to_string();
    std::filesystem::rename(vm.spec.directory / kDevicesFile, saved.devices);
    const auto file = base::open_file(saved.image.layers.back(), O_RDWR | O_CREAT | O_EXCL, 0400);
    EXPECT_TRUE(file);
    auto map = wait(qemu_->save_memory(vm.spec, *vm.process, base.map, layer, file->get()));
    EXPECT_TRUE(map) << map.error().to_string();
    if (map) saved.map = *std::move(map);
    EXPECT_TRUE(base::write_file_atomic(saved.image.map, to_bytes(saved.map), 0400));
    EXPECT_TRUE(put_together(saved.map, saved.image) == guest_memory(vm));
    return saved;
  }
  static Saved nothing() {
    return {.map = MemoryMap::zero(kMemoryBytes), .image = {}, .devices = {}};
  }

  std::string status(const TestVm& vm) { return monitor(vm, "info status"); }

  Result<base::TempDir> dir_ = base::TempDir::create();
  net::Loop loop_;
  net::BlockingPool pool_{2};
  std::unique_ptr<Qemu> qemu_;
  std::vector<std::unique_ptr<TestVm>> vms_;
};

TEST_F(QemuTest, AGuestIsSavedAgainAndAgainAndItsClonesGoOnWhereItWas) {
  TestVm& first = make_vm("first");
  ASSERT_NO_FATAL_FAILURE(boot(first));
  counts(first, 2 * kRound);
  ASSERT_TRUE(wait(qemu_->stop(first.spec)));
  ASSERT_TRUE(wait(qemu_->stop(first.spec))) << "twice is fine";
  ::usleep(20'000);
  counts(first, 0);
  const Saved one = save(first, nothing(), "one");
  EXPECT_NE(status(first).find("paused"), std::string::npos) << status(first);
  ::usleep(20'000);
  ASSERT_TRUE(wait(qemu_->go_on(first.spec)));
  ASSERT_TRUE(wait(qemu_->go_on(first.spec))) << "twice is fine";
  const unsigned next = counts(first, 1).first;
  counts(first, kRound + 10);

  TestVm& second = make_vm("second");
  const auto restored = restore(second, one.image, one.devices);
  ASSERT_TRUE(restored) << restored.error().to_string();
  EXPECT_EQ(counts(second, kRound + 10).first, next) << "it goes on where the first one did";
  ASSERT_TRUE(wait(qemu_->stop(second.spec)));
  const Saved two = save(second, one, "two");
  EXPECT_EQ(two.map.layer_count, 2);
  EXPECT_LT(std::filesystem::file_size(two.image.layers[1]), 8u << 20) << "what changed only";
  // It goes on after a save as if there had been none, and still has the first one mapped.
  ASSERT_TRUE(wait(qemu_->go_on(second.spec)));
  counts(second, kRound + 10);
  ASSERT_TRUE(wait(qemu_->stop(second.spec)));
  save(second, one, "three");
  kill(second);

  for (const auto* name : {"third", "fourth"}) {
    TestVm& clone = make_vm(name);
    const auto again = restore(clone, two.image, two.devices);
    ASSERT_TRUE(again) << again.error().to_string();
    counts(clone, kRound + 10);
  }
}

TEST_F(QemuTest, AMemoryThatIsNotWholeIsNotRestored) {
  TestVm& vm = make_vm("vm");
  ASSERT_NO_FATAL_FAILURE(boot(vm));
  counts(vm, 1);  // Firmware that is still looking for its kernel finds none after a restore.
  ASSERT_TRUE(wait(qemu_->stop(vm.spec)));
  const Saved good = save(vm, nothing(), "good");
  TestVm& clone = make_vm("clone");
  const auto refusal = [&](const Saved& saved) {
    const auto restored = restore(clone, saved.image, saved.devices);
    EXPECT_FALSE(restored);
    return restored ? base::Code::kUnknown : restored.error().code;
  };

  Saved bad = good;
  bad.image.layers.front() = dir_->path() / "short";
  const auto size = std::filesystem::file_size(good.image.layers.front());
  ASSERT_TRUE(base::write_file_atomic(bad.image.layers.front(), std::string(size - 4096, 'x')));
  EXPECT_EQ(refusal(bad), base::Code::kDataLoss);
  bad = good;
  bad.image.layers.clear();
  EXPECT_EQ(refusal(bad), base::Code::kDataLoss);
  bad = good;
  bad.image.map = dir_->path() / "other";
  ASSERT_TRUE(base::write_file_atomic(bad.image.map, to_bytes(MemoryMap::zero(kMemoryBytes / 2))));
  EXPECT_EQ(refusal(bad), base::Code::kDataLoss);
  // What QEMU itself refuses.
  bad = good;
  bad.devices = dir_->path() / "guest";
  EXPECT_EQ(refusal(bad), base::Code::kUnavailable);

  TestVm& again = make_vm("again");
  const auto restored = restore(again, good.image, good.devices);
  ASSERT_TRUE(restored) << restored.error().to_string();
  counts(again, 1);
}

// An overlay over the disk of this number, as the agent makes them: all call it /disks/N.
void make_overlay(const base::Path& path, int over, const char* format) {
  const std::string command = concat("qemu-img create -q -u -f qcow2 -F ", format, " -b /disks/",
                                     over, ' ', path.native(), " 1M");
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

bool lies_on(const TestVm& vm, int number) {
  return std::system(concat("qemu-img info -U ", (vm.spec.directory / vm.spec.disk_file).native(),
                            " | grep -qx 'backing file: /disks/", number, "'")
                         .c_str()) == 0;
}

TEST_F(QemuTest, WhatIsWrittenAfterADiskWasSwitchedIsInTheNewOne) {
  if (std::system("qemu-img --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "needs qemu-img";
  TestVm& vm = make_vm("vm");
  ASSERT_NO_FATAL_FAILURE(boot(vm));
  counts(vm, 1);
  const auto disk = [&vm](int number) { return vm.spec.directory / concat("disk-", number); };
  // So many that QEMU's description of the whole chain is no longer of a reasonable size.
  constexpr int kSwitches = 30;
  std::vector<std::string> before;
  Saved saved;
  for (int number = 0; number < kSwitches; ++number) {
    const auto current = wait(qemu_->current_disk(vm.spec));
    ASSERT_TRUE(current) << current.error().to_string();
    EXPECT_EQ(*current, disk(number).filename());
    ASSERT_TRUE(wait(qemu_->stop(vm.spec)));
    // Also after its devices were saved it can write.
    saved = save(vm, nothing(), concat("saved-", number));
    io(vm, "write", number);
    make_overlay(disk(number + 1), number, number == 0 ? "raw" : "qcow2");
    give(disk(number + 1), vm.spec.uid);
    const auto switched = wait(qemu_->switch_disk(vm.spec, disk(number + 1).filename()));
    ASSERT_TRUE(switched) << switched.error().to_string();
    EXPECT_NE(monitor(vm, "info block disk").find("ignore flushes"), std::string::npos);
    before.push_back(base::read_file(disk(number)).value());
    ASSERT_TRUE(wait(qemu_->go_on(vm.spec)));
    counts(vm, 1);
  }
  io(vm, "write", kSwitches);

  // A clone, while the first one goes on.
  TestVm& clone = make_vm("clone");
  for (int number = 0; number < kSwitches; ++number) {
    clone.spec.backing.push_back({disk(number), concat("/disks/", number)});
  }
  clone.spec.disk_file = disk(kSwitches).filename();
  clone.spec.disk_format = DiskFormat::kQcow2;
  make_overlay(clone.spec.directory / clone.spec.disk_file, kSwitches - 1, "qcow2");
  give(clone.spec.directory / clone.spec.disk_file, clone.spec.uid);
  const auto restored = restore(clone, saved.image, saved.devices);
  ASSERT_TRUE(restored) << restored.error().to_string();
  EXPECT_EQ(wait(qemu_->current_disk(clone.spec)).value_or(""), clone.spec.disk_file);
  for (int number = 0; number < kSwitches; ++number) io(clone, "read", number);
  const std::string log = base::read_file(clone.spec.directory / "qemu.log").value();
  EXPECT_NE(log.find("read 1024/1024"), std::string::npos) << log;
  EXPECT_EQ(log.find("Pattern verification failed"), std::string::npos) << log;
  io(clone, "read", kSwitches);  // What was written to the first one only.
  EXPECT_NE(base::read_file(clone.spec.directory / "qemu.log").value().find("verification failed"),
            std::string::npos);

  // The clone's disk takes in all but the lowest, and some of it twice.
  ASSERT_TRUE(wait(qemu_->start_merge(clone.spec, 0)));
  ASSERT_TRUE(wait(qemu_->cancel_merge(clone.spec)));
  ASSERT_TRUE(wait(qemu_->cancel_merge(clone.spec))) << "none is fine";
  if (lies_on(clone, kSwitches - 1)) {
    ASSERT_TRUE(wait(qemu_->start_merge(clone.spec, 0)));
    while (wait(qemu_->is_merging(clone.spec)).value()) ::usleep(1000);
  }
  EXPECT_TRUE(lies_on(clone, 0));
  EXPECT_EQ(wait(qemu_->current_disk(clone.spec)).value_or(""), clone.spec.disk_file);
  const std::size_t read_before = base::read_file(clone.spec.directory / "qemu.log")->size();
  for (int number = 0; number < kSwitches; ++number) io(clone, "read", number);
  EXPECT_EQ(base::read_file(clone.spec.directory / "qemu.log")
                ->substr(read_before)
                .find("verification failed"),
            std::string::npos);
  for (int number = 0; number < kSwitches; ++number) {
    EXPECT_TRUE(base::read_file(disk(number)).value() == before[static_cast<std::size_t>(number)])
        << "disk " << number << " has changed";
  }
}

// A loop device, which any kernel has, stands for one of device-mapper's: QEMU is given its node.
TEST_F(QemuTest, ADiskMayBeADevice) {
  TestVm& vm = make_vm("vm");
  const base::Fd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  if (!control.valid()) GTEST_SKIP() << "there are no loop devices here";
  const auto file = base::open_file(vm.spec.directory / "disk-0", O_RDWR).value();
  loop_config config{};
  config.fd = static_cast<__u32>(file.get());
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  base::Fd loop;
  int number = -1;
  do {  // Others may take it first.
    number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    ASSERT_GE(number, 0);
    loop = base::open_file(concat("/dev/loop", number), O_RDWR).value();
  } while (::ioctl(loop.get(), LOOP_CONFIGURE, &config) != 0 && errno == EBUSY);
  const base::Path node = vm.spec.directory / "device";
  ASSERT_EQ(::mknod(node.c_str(), S_IFBLK | 0600, makedev(7, static_cast<unsigned>(number))), 0);
  give(node, vm.spec.uid);
  vm.spec.disk_file = "device";
  vm.spec.disk_format = DiskFormat::kDevice;
  boot(vm);
  counts(vm, 1);
  EXPECT_EQ(wait(qemu_->current_disk(vm.spec)).value_or(""), "device");
  EXPECT_NE(monitor(vm, "info block disk").find("(raw)"), std::string::npos);
  io(vm, "write", 0);
  ASSERT_TRUE(wait(qemu_->stop(vm.spec)));
  ASSERT_EQ(::fsync(loop.get()), 0);
  const std::string written = base::read_file(vm.spec.directory / "disk-0").value();
  EXPECT_NE(written.find_first_not_of('\0'), std::string::npos) << "nothing came to the device";
}

}  // namespace
}  // namespace wrenn::vm
