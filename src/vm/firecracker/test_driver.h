// For tests of the driver: VMs in real jails, in which the test server of test_vmm.h runs.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "net/loop.h"
#include "vm/device_node.h"
#include "vm/firecracker/firecracker.h"
#include "vm/firecracker/test_vmm.h"
#include "vm/vm_socket.h"

namespace wrenn::vm::firecracker {

using base::Code;
using base::concat;
using base::Result;

inline constexpr int kMemoryMb = 16;
inline constexpr std::size_t kPage = 4096;
inline constexpr std::size_t kPages = (std::size_t{kMemoryMb} << 20) / kPage;
inline constexpr uid_t kFirstUid = 1'879'099'600;

// A network with nothing in it but a TAP of this user.
inline base::Fd make_network(uid_t owner) {
  base::Fd network;
  std::thread([&network, owner] {
    if (::unshare(CLONE_NEWNET) != 0) return;
    const std::string command = concat("ip tuntap add dev tap0 mode tap vnet_hdr user ", owner);
    if (std::system(command.c_str()) != 0) return;
    network = base::Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  }).join();
  return network;
}

inline bool run(const std::string& command) {
  return std::system(concat(command, " >/dev/null 2>&1").c_str()) == 0;
}

struct TestVm {
  VmSpec spec;
  base::Fd network;
  std::optional<VmProcess> process;
};

class FirecrackerTest : public testing::Test {
 protected:
  // On a file system that shares blocks, where one can be mounted.
  static void SetUpTestSuite() {
    if (::geteuid() != 0) return;
    auto dir = base::TempDir::create();
    ASSERT_TRUE(dir);
    root_ = new base::TempDir(*std::move(dir));
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
    ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    const std::string image = (root_->path() / "xfs.img").native();
    ASSERT_TRUE(base::make_dirs(root_->path() / "xfs"));
    shares_blocks_ = run(concat("truncate -s 400M ", image)) &&
                     run(concat("mkfs.xfs -q -m reflink=1 ", image)) &&
                     run(concat("mount -o loop ", image, ' ', (root_->path() / "xfs").native()));
    if (!shares_blocks_) std::cout << "no XFS can be mounted: blocks are copied\n";
  }
  static void TearDownTestSuite() {
    // What a VM that is just ending still has open goes with it.
    if (root_ != nullptr && shares_blocks_) ::umount2((root_->path() / "xfs").c_str(), MNT_DETACH);
    delete root_;
    root_ = nullptr;
  }

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: it makes jails";
    auto dir = base::TempDir::create(root_->path() / "xfs");
    ASSERT_TRUE(dir) << dir.error().message;
    dir_.emplace(*std::move(dir));
    ASSERT_EQ(::chmod(dir_->path().c_str(), 0711), 0);
    make_devices();
    driver_ = make_driver();
  }
  void TearDown() override {
    for (auto& vm : vms_) kill(*vm);
  }

  // The test server needs no KVM, but a driver must give it one.
  void make_devices() {
    const base::Path kvm = dir_->path() / "kvm";
    ASSERT_EQ(::mknod(kvm.c_str(), S_IFCHR | 0660, makedev(1, 3)), 0);
    ASSERT_EQ(::chown(kvm.c_str(), 0, kDeviceGroup), 0);
    ASSERT_EQ(::chmod(kvm.c_str(), 0660), 0);
    for (const char* device : {"/dev/net/tun", "/dev/userfaultfd"}) {
      const auto node = device_node(device, dir_->path());
      ASSERT_TRUE(node) << node.error().message;
    }
  }
  Result<Binary> test_binary(const std::string& name = "firecracker") {
    const base::Path path = dir_->path() / name;
    std::error_code error;
    std::filesystem::copy_file(WRENN_FIRECRACKER_TEST_SERVER, path,
                               std::filesystem::copy_options::skip_existing, error);
    EXPECT_FALSE(error) << error.message();
    EXPECT_EQ(::chmod(path.c_str(), 0755), 0);
    EXPECT_EQ(::chown(path.c_str(), 0, 0), 0);
    return find_binary(path);
  }
  std::unique_ptr<Firecracker> make_driver(MemoryLoading loading = MemoryLoading::kAuto,
                                           const std::string& name = "firecracker") {
    auto binary = test_binary(name);
    EXPECT_TRUE(binary) << binary.error().to_string();
    return std::make_unique<Firecracker>(
        *std::move(binary),
        FirecrackerOptions{
            .device_dir = dir_->path(), .page_handler = WRENN_PAGE_HANDLER, .loading = loading},
        pool_);
  }

  template <class T>
  T wait(net::Task<T> task) {
    return loop_.block_on(std::move(task));
  }

  TestVm& make_vm(const std::string& name) {
    auto vm = std::make_unique<TestVm>();
    VmSpec& spec = vm->spec;
    spec.id = concat("sb_", name);
    spec.memory_mb = kMemoryMb;
    spec.directory = dir_->path() / name;
    spec.disk_file = "disk-0";
    spec.uid = kFirstUid + static_cast<uid_t>(vms_.size());
    vm->network = make_network(spec.uid);
    EXPECT_TRUE(vm->network.valid());
    spec.netns_fd = vm->network.get();
    spec.tap_name = "tap0";
    EXPECT_TRUE(base::make_dirs(spec.directory, 0700));
    give(spec.directory, spec.uid);
    make_disk(*vm, "disk-0");
    vms_.push_back(std::move(vm));
    return *vms_.back();
  }
  static void make_disk(const TestVm& vm, const std::string& name) {
    const base::Path disk = vm.spec.directory / name;
    EXPECT_TRUE(base::write_file_atomic(disk, std::string(1 << 16, '\0')));
    give(disk, vm.spec.uid);
  }
  static void give(const base::Path& path, uid_t uid) {
    EXPECT_EQ(::chown(path.c_str(), uid, uid), 0);
  }

  Result<void> boot(TestVm& vm, Firecracker& driver) {
    const base::Path kernel = dir_->path() / "kernel";
    WRENN_TRY(base::write_file_atomic(kernel, "a kernel"));
    WRENN_TRY_ASSIGN(vm.process, wait(driver.boot(vm.spec, {kernel, kernel})));
    return {};
  }
  static void kill(TestVm& vm) {
    if (vm.process) EXPECT_TRUE(kill_vm(*vm.process));
    vm.process.reset();
  }

  // What a guest does.
  std::string guest(const TestVm& vm, const std::string& line) {
    const auto socket = socket_of(vm.spec.directory, "guest.sock", vm.spec.uid);
    if (!socket) return socket.error().message;
    const base::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (socket->endpoint.connect(fd.get()) != 0) return "not there";
    if (::write(fd.get(), line.data(), line.size()) <= 0) return "no answer";
    std::string answer;
    std::array<char, 4096> buffer;
    for (ssize_t n = 0; (n = ::read(fd.get(), buffer.data(), buffer.size())) > 0;) {
      answer.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return answer.empty() ? "no answer" : answer;
  }
  void fill(const TestVm& vm, std::size_t page, std::size_t count, int value) {
    EXPECT_EQ(guest(vm, concat("fill ", page, ' ', count, ' ', value)), "done");
    for (std::size_t i = page; i < page + count; ++i) expected_[i] = value;
  }
  // All that the guest was told to write is there, and nothing else.
  void expect_memory(const TestVm& vm, const std::vector<int>& expected) {
    std::string runs;
    for (std::size_t page = 0; page < kPages;) {
      std::size_t end = page + 1;
      while (end < kPages && expected[end] == expected[page]) ++end;
      runs += concat(end - page, '*', expected[page], ' ');
      page = end;
    }
    EXPECT_EQ(guest(vm, "runs"), runs);
  }

  struct Saved {
    MemoryMap map = MemoryMap::zero(kPages * kPage);
    MemoryImage image;
    base::Path devices;
    std::vector<int> expected;
  };
  Result<Saved> save(Firecracker& driver, TestVm& vm, const Saved& base, int layer) {
    const std::string name = concat("saved-", next_++);
    Saved saved = base;
    saved.image.map = dir_->path() / concat(name, ".map");
    saved.devices = dir_->path() / concat(name, ".devices");
    saved.image.layers.resize(static_cast<std::size_t>(layer));
    saved.image.layers.push_back(dir_->path() / concat(name, ".layer"));
    saved.expected = expected_;
    WRENN_TRY(wait(driver.stop(vm.spec)));
    WRENN_TRY(wait(driver.save_devices(vm.spec)));
    std::filesystem::rename(vm.spec.directory / kDevicesFile, saved.devices);
    WRENN_TRY_ASSIGN(const auto file,
                     base::open_file(saved.image.layers.back(), O_RDWR | O_CREAT | O_EXCL, 0400));
    WRENN_TRY_ASSIGN(saved.map,
                     wait(driver.save_memory(vm.spec, *vm.process, base.map, layer, file.get())));
    WRENN_TRY(base::write_file_atomic(saved.image.map, to_bytes(saved.map), 0400));
    WRENN_TRY(wait(driver.go_on(vm.spec)));
    return saved;
  }
  Result<void> restore(Firecracker& driver, TestVm& vm, const Saved& saved) {
    WRENN_TRY_ASSIGN(const base::Fd devices, base::open_file(saved.devices, O_RDONLY));
    WRENN_TRY_ASSIGN(vm.process, wait(driver.restore(vm.spec, saved.image, devices.get())));
    expected_ = saved.expected;
    return {};
  }

  static std::string calls(const TestVm& vm) {
    return base::read_file(vm.spec.directory / "calls").value_or("none");
  }
  static void set_fault(const TestVm& vm, std::string_view line) {
    EXPECT_TRUE(base::write_file_atomic(vm.spec.directory / "faults", concat(line, '\n')));
  }
  // How many processes of this user there are.
  static int processes_of(uid_t uid) {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      struct stat info{};
      if (!base::parse_int<int>(entry.path().filename().native())) continue;
      if (::stat(entry.path().c_str(), &info) == 0 && info.st_uid == uid) ++count;
    }
    return count;
  }
  static bool are_all_gone(uid_t uid) {
    for (int tries = 0; tries < 500 && processes_of(uid) > 0; ++tries) ::usleep(10'000);
    return processes_of(uid) == 0;
  }

  inline static base::TempDir* root_ = nullptr;
  inline static bool shares_blocks_ = false;
  std::optional<base::TempDir> dir_;
  net::Loop loop_;
  net::BlockingPool pool_{2};
  std::unique_ptr<Firecracker> driver_;
  std::vector<std::unique_ptr<TestVm>> vms_;
  std::vector<int> expected_ = std::vector<int>(kPages);
  int next_ = 0;
};

}  // namespace wrenn::vm::firecracker
