// The driver with real processes in real jails. In Firecracker's place runs the test server of
// test_vmm.h, which holds every call against Firecracker's description of its API: there is no
// guest in it. Where Firecracker itself is installed, that is driven, too, as far as the machine
// lets it.
#include "vm/firecracker/firecracker.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <thread>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "net/scope.h"
#include "vm/device_node.h"
#include "vm/firecracker/memory_files.h"
#include "vm/firecracker/page_handler.h"
#include "vm/firecracker/page_source.h"
#include "vm/firecracker/saved_state.h"
#include "vm/firecracker/test_vmm.h"
#include "vm/vm_socket.h"

namespace wrenn::vm {
namespace {

using base::Code;
using base::concat;
using base::Result;
using namespace firecracker;  // NOLINT(google-build-using-namespace): the parts of what is tested.

constexpr int kMemoryMb = 16;
constexpr std::size_t kPage = 4096;
constexpr std::size_t kPages = (std::size_t{kMemoryMb} << 20) / kPage;
constexpr uid_t kFirstUid = 1'879'099'600;

// A network with nothing in it but a TAP of this user.
base::Fd make_network(uid_t owner) {
  base::Fd network;
  std::thread([&network, owner] {
    if (::unshare(CLONE_NEWNET) != 0) return;
    const std::string command = concat("ip tuntap add dev tap0 mode tap vnet_hdr user ", owner);
    if (std::system(command.c_str()) != 0) return;
    network = base::Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  }).join();
  return network;
}

bool run(const std::string& command) {
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
    if (root_ != nullptr && shares_blocks_) ::umount((root_->path() / "xfs").c_str());
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
    for (const char* device : {"/dev/net/tun", "/dev/userfaultfd"}) {
      const auto node = device_node(device, dir_->path());
      ASSERT_TRUE(node) << node.error().message;
    }
  }
  Result<Binary> test_binary(const std::string& name = "firecracker") {
    const base::Path path = dir_->path() / name;
    std::error_code error;
    std::filesystem::copy_file(WRENN_FIRECRACKER_TEST_SERVER, path,
                               std::filesystem::copy_options::overwrite_existing, error);
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
    std::array<char, 256> buffer;
    const bool is_sent = ::write(fd.get(), line.data(), line.size()) > 0;
    const ssize_t n = is_sent ? ::read(fd.get(), buffer.data(), buffer.size()) : -1;
    return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : "no answer";
  }
  void fill(const TestVm& vm, std::size_t page, std::size_t count, int value) {
    EXPECT_EQ(guest(vm, concat("fill ", page, ' ', count, ' ', value)), "done");
    for (std::size_t i = page; i < page + count; ++i) expected_[i] = value;
  }
  // All that the guest was told to write is there, and nothing else.
  void expect_memory(const TestVm& vm, const std::vector<int>& expected, std::size_t step = 1) {
    for (std::size_t page = 0; page < kPages; page += step) {
      ASSERT_EQ(guest(vm, concat("look ", page)), std::to_string(expected[page])) << page;
    }
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

  static base::TempDir* root_;
  static bool shares_blocks_;
  std::optional<base::TempDir> dir_;
  net::Loop loop_;
  net::BlockingPool pool_{2};
  std::unique_ptr<Firecracker> driver_;
  std::vector<std::unique_ptr<TestVm>> vms_;
  std::vector<int> expected_ = std::vector<int>(kPages);
  int next_ = 0;
};
base::TempDir* FirecrackerTest::root_ = nullptr;
bool FirecrackerTest::shares_blocks_ = false;

TEST_F(FirecrackerTest, BootsWithEverythingAVmIsMadeOf) {
  TestVm& vm = make_vm("vm");
  const auto booted = boot(vm, *driver_);
  ASSERT_TRUE(booted) << booted.error().to_string();
  const std::string made = calls(vm);
  std::size_t at = 0;
  for (const auto* call :
       {"PUT /logger", "PUT /machine-config", "PUT /boot-source", "PUT /drives/disk",
        "PUT /entropy", "PUT /balloon", "PUT /network-interfaces/eth0", "PUT /mmds/config",
        "PUT /mmds ", "PUT /actions"}) {
    const auto found = made.find(call, at);
    ASSERT_NE(found, std::string::npos) << call << " is missing or too early in\n" << made;
    at = found;
  }
  EXPECT_EQ(made.find(" 400\n"), std::string::npos) << made;
  EXPECT_NE(made.find(R"("size":209715200)"), std::string::npos);
  EXPECT_NE(made.find(R"("free_page_reporting":true)"), std::string::npos);
  EXPECT_NE(made.find(R"("instance_id":"sb_vm")"), std::string::npos);
  EXPECT_EQ(wait(driver_->current_disk(vm.spec)).value_or(""), "disk-0");
  EXPECT_FALSE(wait(driver_->is_merging(vm.spec)).value());
  EXPECT_TRUE(wait(driver_->cancel_merge(vm.spec)));
  EXPECT_EQ(wait(driver_->start_merge(vm.spec, 0)).error().code, Code::kUnimplemented);
  // It runs as its own user, with none of our privileges.
  const auto status =
      base::read_file(concat("/proc/", vm.process->identity.pid, "/status")).value_or("");
  EXPECT_NE(status.find(concat("Uid:\t", vm.spec.uid, '\t')), std::string::npos);
  EXPECT_NE(status.find("NoNewPrivs:\t1"), std::string::npos);
  EXPECT_NE(status.find("CapBnd:\t0000000000000000"), std::string::npos);
  // Nothing of the host is in its root but what it was given.
  std::string names;
  for (const auto& entry :
       std::filesystem::directory_iterator(concat("/proc/", vm.process->identity.pid, "/root"))) {
    names += concat(entry.path().filename().native(), ' ');
  }
  EXPECT_EQ(names.find("home"), std::string::npos) << names;
  EXPECT_EQ(names.find("proc"), std::string::npos) << names;
}

TEST_F(FirecrackerTest, StopsAndGoesOnAndIsFoundByANewDriver) {
  TestVm& vm = make_vm("vm");
  ASSERT_TRUE(boot(vm, *driver_));
  fill(vm, 1, 1, 7);
  ASSERT_TRUE(wait(driver_->stop(vm.spec)));
  ASSERT_TRUE(wait(driver_->stop(vm.spec))) << "twice is fine";
  // What a Firecracker that minds would say is looked at.
  set_fault(vm, "PATCH /vm refuse 0");
  ASSERT_TRUE(wait(driver_->stop(vm.spec))) << "it stands still already";
  EXPECT_EQ(wait(driver_->go_on(vm.spec)).error().code, Code::kFailedPrecondition);
  set_fault(vm, "");
  // Nothing about a VM is in the driver.
  driver_ = make_driver();
  ASSERT_TRUE(wait(driver_->go_on(vm.spec)));
  ASSERT_TRUE(wait(driver_->go_on(vm.spec)));
  EXPECT_EQ(wait(driver_->current_disk(vm.spec)).value_or(""), "disk-0");
  EXPECT_EQ(guest(vm, "look 1"), "7");
  kill(vm);
  EXPECT_EQ(wait(driver_->stop(vm.spec)).error().code, Code::kUnavailable);
}

TEST_F(FirecrackerTest, TheConsoleIsBoundedAndNeverHoldsAGuestUp) {
  TestVm& vm = make_vm("vm");
  ASSERT_TRUE(boot(vm, *driver_));
  EXPECT_EQ(guest(vm, "print hello"), "6");
  EXPECT_EQ(wait(driver_->console(vm.spec)).value_or("?"), "hello\n");
  EXPECT_EQ(wait(driver_->console(vm.spec)).value_or("?"), "");
  const std::string line = concat("print ", std::string(900, 'x'));
  for (int i = 0; i < 200; ++i) guest(vm, line);
  EXPECT_EQ(guest(vm, line), "-1") << "what does not fit is lost at once";
  const auto kept = wait(driver_->console(vm.spec));
  ASSERT_TRUE(kept);
  EXPECT_GT(kept->size(), 50'000u);
  EXPECT_LE(kept->size(), 64u * 1024);
  EXPECT_EQ(guest(vm, "print again"), "6");
  EXPECT_EQ(wait(driver_->console(vm.spec)).value_or("?"), "again\n");
  // What it puts in the pipe's place is not read.
  const base::Path pipe = vm.spec.directory / kConsolePipe;
  std::filesystem::remove(pipe);
  std::filesystem::create_symlink("/etc/passwd", pipe);
  EXPECT_FALSE(wait(driver_->console(vm.spec)));
}

TEST_F(FirecrackerTest, MemoryIsSavedAgainAndAgainAndClonesHaveIt) {
  TestVm& first = make_vm("first");
  ASSERT_TRUE(boot(first, *driver_));
  fill(first, 10, 50, 1);
  fill(first, 3000, 20, 2);
  const auto one = save(*driver_, first, {}, 0);
  ASSERT_TRUE(one) << one.error().to_string();
  EXPECT_TRUE(is_plain(one->map));
  // Changes after a save are of the next one only.
  fill(first, 10, 5, 9);

  TestVm& second = make_vm("second");
  const auto restored = restore(*driver_, second, *one);
  ASSERT_TRUE(restored) << restored.error().to_string();
  expect_memory(second, one->expected);
  EXPECT_NE(calls(second).find(R"("backend_type":"File","backend_path":"/memory")"),
            std::string::npos)
      << calls(second);
  EXPECT_NE(calls(second).find(R"("instance_id":"sb_second")"), std::string::npos);
  fill(second, 12, 4, 0);  // Became zero.
  fill(second, 100, 3, 4);
  const auto two = save(*driver_, second, *one, 1);
  ASSERT_TRUE(two) << two.error().to_string();
  EXPECT_NE(calls(second).find(R"("snapshot_type":"Diff")"), std::string::npos);
  EXPECT_EQ(two->map.layer_count, 2);
  struct stat info{};
  ASSERT_EQ(::stat(two->image.layers[1].c_str(), &info), 0);
  EXPECT_LT(info.st_blocks * 512, 64 << 10) << "what changed only";
  // Another save of the same VM has what changed since its start, not since the last save.
  fill(second, 200, 2, 5);
  const auto three = save(*driver_, second, *one, 1);
  ASSERT_TRUE(three) << three.error().to_string();

  for (const auto loading : {MemoryLoading::kAuto, MemoryLoading::kUffd}) {
    const auto driver = make_driver(loading);
    for (const auto* saved : {&*two, &*three}) {
      TestVm& clone = make_vm(concat("clone-", vms_.size()));
      const auto again = restore(*driver, clone, *saved);
      ASSERT_TRUE(again) << again.error().to_string();
      expect_memory(clone, saved->expected);
      const bool is_file = loading == MemoryLoading::kAuto && shares_blocks_;
      EXPECT_EQ(calls(clone).find(R"("backend_type":"File")") != std::string::npos, is_file);
      kill(clone);
      EXPECT_TRUE(are_all_gone(clone.spec.uid)) << "who serves pages ends with the VM";
    }
  }
}

TEST_F(FirecrackerTest, ASaveThatTakesThePlaceOfLayersHasAllOfThem) {
  TestVm& first = make_vm("first");
  ASSERT_TRUE(boot(first, *driver_));
  fill(first, 0, 100, 1);
  auto saved = save(*driver_, first, {}, 0);
  ASSERT_TRUE(saved) << saved.error().to_string();
  for (int layer = 1; layer <= 3; ++layer) {
    TestVm& vm = make_vm(concat("vm-", layer));
    ASSERT_TRUE(restore(*driver_, vm, *saved));
    fill(vm, static_cast<std::size_t>(layer) * 500, 30, layer + 1);
    saved = save(*driver_, vm, *saved, layer < 3 ? layer : 1);
    ASSERT_TRUE(saved) << saved.error().to_string();
    kill(vm);
  }
  EXPECT_EQ(saved->map.layer_count, 2);
  TestVm& clone = make_vm("clone");
  const auto restored = restore(*driver_, clone, *saved);
  ASSERT_TRUE(restored) << restored.error().to_string();
  expect_memory(clone, saved->expected);
}

TEST_F(FirecrackerTest, ASaveThatNobodySawTheEndOfIsMadeGoodByTheNext) {
  TestVm& first = make_vm("first");
  ASSERT_TRUE(boot(first, *driver_));
  const auto base = save(*driver_, first, {}, 0);
  ASSERT_TRUE(base);
  TestVm& vm = make_vm("vm");
  ASSERT_TRUE(restore(*driver_, vm, *base));
  fill(vm, 40, 10, 3);
  ASSERT_TRUE(wait(driver_->stop(vm.spec)));
  // Firecracker writes it, and forgets what was dirty; its answer does not arrive.
  set_fault(vm, "PUT /snapshot/create delay 1500");
  const auto cut =
      wait(net::with_timeout(std::chrono::milliseconds(300), driver_->save_devices(vm.spec)));
  EXPECT_EQ(cut.error().code, Code::kDeadlineExceeded);
  set_fault(vm, "");
  ASSERT_TRUE(wait(driver_->go_on(vm.spec)));
  fill(vm, 60, 10, 4);
  const auto saved = save(*driver_, vm, *base, 1);
  ASSERT_TRUE(saved) << saved.error().to_string();
  EXPECT_EQ(saved->expected, expected_);
  TestVm& clone = make_vm("clone");
  ASSERT_TRUE(restore(*driver_, clone, *saved));
  expect_memory(clone, saved->expected);
}

TEST_F(FirecrackerTest, PagesComeOneByOneAndGoWithTheBalloon) {
  const auto driver = make_driver(MemoryLoading::kUffd);
  TestVm& first = make_vm("first");
  ASSERT_TRUE(boot(first, *driver));
  fill(first, 0, 200, 6);
  const auto saved = save(*driver, first, {}, 0);
  ASSERT_TRUE(saved) << saved.error().to_string();
  TestVm& vm = make_vm("vm");
  const auto restored = restore(*driver, vm, *saved);
  ASSERT_TRUE(restored) << restored.error().to_string();
  // Who serves does not need whoever started it.
  driver_.reset();
  EXPECT_EQ(guest(vm, "look 3"), "6");
  EXPECT_EQ(guest(vm, "look 3000"), "0");
  EXPECT_EQ(guest(vm, "discard 100 20"), "done");
  EXPECT_EQ(guest(vm, "look 110"), "0");
  EXPECT_EQ(guest(vm, "look 99"), "6");
  fill(vm, 105, 1, 8);
  EXPECT_EQ(guest(vm, "look 105"), "8");
  for (std::size_t page = 120; page < 200; ++page) {
    ASSERT_EQ(guest(vm, concat("look ", page)), "6") << page;
  }
  EXPECT_GE(processes_of(vm.spec.uid), 2);
}

// A page that nobody brings stops a guest for ever, which nobody would notice.
TEST_F(FirecrackerTest, AVmEndsWithWhoServesItsPages) {
  const auto driver = make_driver(MemoryLoading::kUffd);
  TestVm& first = make_vm("first");
  ASSERT_TRUE(boot(first, *driver));
  fill(first, 0, 200, 6);
  const auto saved = save(*driver, first, {}, 0);
  ASSERT_TRUE(saved);
  TestVm& vm = make_vm("vm");
  ASSERT_TRUE(restore(*driver, vm, *saved));
  // Its layer loses what the guest has not asked for yet.
  ASSERT_EQ(::truncate(saved->image.layers[0].c_str(), kPage), 0);
  EXPECT_EQ(guest(vm, "look 150"), "no answer");
  EXPECT_TRUE(base::wait_gone(vm.process->identity, 5000));
  kill(vm);
  EXPECT_TRUE(are_all_gone(vm.spec.uid));
}

TEST_F(FirecrackerTest, ADiskIsSwitchedToItsCopy) {
  TestVm& vm = make_vm("vm");
  ASSERT_TRUE(boot(vm, *driver_));
  ASSERT_TRUE(wait(driver_->stop(vm.spec)));
  make_disk(vm, "disk-1");
  EXPECT_EQ(wait(driver_->switch_disk(vm.spec, "disk-2")).error().code, Code::kFailedPrecondition);
  EXPECT_EQ(wait(driver_->switch_disk(vm.spec, "../disk")).error().code, Code::kInvalidArgument);
  ASSERT_TRUE(wait(driver_->switch_disk(vm.spec, "disk-1")));
  EXPECT_EQ(wait(driver_->current_disk(vm.spec)).value_or(""), "disk-1");
  const auto saved = save(*driver_, vm, {}, 0);
  ASSERT_TRUE(saved) << saved.error().to_string();
  // A clone's disk may be called otherwise.
  TestVm& clone = make_vm("clone");
  const auto restored = restore(*driver_, clone, *saved);
  ASSERT_TRUE(restored) << restored.error().to_string();
  EXPECT_EQ(wait(driver_->current_disk(clone.spec)).value_or(""), "disk-0");
}

TEST_F(FirecrackerTest, AnOverlayIsRefused) {
  TestVm& vm = make_vm("vm");
  vm.spec.disk_format = DiskFormat::kQcow2;
  const auto refused = boot(vm, *driver_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
  EXPECT_FALSE(refused.error().remedy.empty());
  vm.spec.disk_format = DiskFormat::kRaw;
  vm.spec.vcpus = 33;
  EXPECT_EQ(boot(vm, *driver_).error().code, Code::kInvalidArgument);
}

TEST_F(FirecrackerTest, WhatFailsLeavesNoProcessAndSaysWhy) {
  struct Case {
    const char* name;
    const char* fault;
    Code code;
    const char* words;
  };
  for (const Case& one :
       {Case{"refused", "PUT /entropy refuse 0", Code::kFailedPrecondition, "it was told to"},
        Case{"dropped", "PUT /balloon drop 0", Code::kUnavailable, "/balloon"},
        Case{"garbled", "PUT /machine-config garbage 0", Code::kInternal, "/machine-config"},
        Case{"died", "PUT /actions die 0", Code::kUnavailable, "/actions"}}) {
    TestVm& vm = make_vm(one.name);
    set_fault(vm, one.fault);
    const auto booted = boot(vm, *driver_);
    ASSERT_FALSE(booted) << one.name;
    EXPECT_EQ(booted.error().code, one.code) << booted.error().to_string();
    EXPECT_NE(booted.error().message.find(one.words), std::string::npos) << booted.error().message;
    EXPECT_TRUE(are_all_gone(vm.spec.uid)) << one.name;
  }
  TestVm& vm = make_vm("dies");
  ASSERT_TRUE(base::write_file_atomic(vm.spec.directory / "die", ""));
  const auto booted = boot(vm, *driver_);
  ASSERT_FALSE(booted);
  EXPECT_NE(booted.error().message.find("it said: it was told to die"), std::string::npos)
      << booted.error().message;
}

TEST_F(FirecrackerTest, AMemoryThatIsNotWholeOrNotOursIsNotRestored) {
  TestVm& vm = make_vm("vm");
  ASSERT_TRUE(boot(vm, *driver_));
  fill(vm, 0, 200, 6);
  const auto good = save(*driver_, vm, {}, 0);
  ASSERT_TRUE(good);
  int number = 0;
  const auto refusal = [&](const Saved& saved, Firecracker& driver) {
    TestVm& clone = make_vm(concat("clone-", ++number));
    const auto restored = restore(driver, clone, saved);
    EXPECT_FALSE(restored);
    EXPECT_TRUE(are_all_gone(clone.spec.uid));
    return restored ? Code::kUnknown : restored.error().code;
  };
  Saved bad = *good;
  bad.image.layers.clear();
  EXPECT_EQ(refusal(bad, *driver_), Code::kDataLoss);
  bad = *good;
  bad.image.map = dir_->path() / "other";
  ASSERT_TRUE(
      base::write_file_atomic(bad.image.map, to_bytes(MemoryMap::zero(kPages * kPage / 2))));
  EXPECT_EQ(refusal(bad, *driver_), Code::kDataLoss);
  bad = *good;
  bad.devices = dir_->path() / "kernel";
  EXPECT_EQ(refusal(bad, *driver_), Code::kDataLoss);
  // What Firecracker itself refuses.
  bad = *good;
  bad.devices = dir_->path() / "odd";
  ASSERT_TRUE(base::write_file_atomic(dir_->path() / "nonsense", "nonsense"));
  ASSERT_TRUE(keep_state(dir_->path() / "nonsense",
                         {.format = std::string(kTestSnapshotVersion),
                          .version = "1.17.0",
                          .disk_file = "disk-0",
                          .bytes = 0},
                         bad.devices));
  EXPECT_EQ(refusal(bad, *driver_), Code::kFailedPrecondition);
  // Of another Firecracker.
  const auto other = make_driver(MemoryLoading::kAuto, "firecracker-other");
  EXPECT_EQ(refusal(*good, *other), Code::kFailedPrecondition);
  TestVm& clone = make_vm("good");
  EXPECT_TRUE(restore(*driver_, clone, *good));
}

TEST_F(FirecrackerTest, HugePagesThatTheHostDoesNotHaveAreMissedAtOnce) {
  const auto free =
      base::read_file("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages").value_or("0");
  if (base::trim(free) != "0") GTEST_SKIP() << "the machine has set huge pages aside";
  Firecracker driver(test_binary().value(),
                     {.device_dir = dir_->path(),
                      .page_handler = WRENN_PAGE_HANDLER,
                      .loading = MemoryLoading::kAuto,
                      .huge_pages = HugePages::k2M},
                     pool_);
  TestVm& vm = make_vm("vm");
  const auto booted = boot(vm, driver);
  ASSERT_FALSE(booted);
  EXPECT_EQ(booted.error().code, Code::kResourceExhausted);
  EXPECT_NE(booted.error().remedy.find("nr_hugepages"), std::string::npos);
}

TEST_F(FirecrackerTest, WhichProgramsAreUsed) {
  const auto binary = test_binary();
  ASSERT_TRUE(binary) << binary.error().to_string();
  EXPECT_EQ(binary->version, "1.17.0");
  EXPECT_EQ(binary->snapshot_format, kTestSnapshotVersion);
  EXPECT_FALSE(binary->is_static);
  EXPECT_EQ(test_binary("firecracker-old").error().code, Code::kFailedPrecondition);
  EXPECT_EQ(find_binary(dir_->path() / "nowhere").error().code, Code::kNotFound);
  const base::Path path = dir_->path() / "firecracker";
  ASSERT_EQ(::chmod(path.c_str(), 0777), 0);
  EXPECT_EQ(find_binary(path).error().code, Code::kFailedPrecondition) << "anybody may change it";
  ASSERT_TRUE(base::write_file_atomic(path, "#!/bin/sh\n", 0755));
  EXPECT_EQ(find_binary(path).error().code, Code::kInvalidArgument);
}

// The real one, where it is installed. Without KVM it gets as far as InstanceStart.
TEST_F(FirecrackerTest, TheRealOneWhereItIsInstalled) {
  const char* named = std::getenv("WRENN_FIRECRACKER_BIN");
  const base::Path path = named != nullptr ? named : "/usr/local/bin/firecracker";
  auto binary = find_binary(path);
  if (!binary && binary.error().code == Code::kNotFound) {
    GTEST_SKIP() << "Firecracker itself is not installed here: only the test server was driven";
  }
  ASSERT_TRUE(binary) << binary.error().to_string();
  const bool has_kvm = make_firecracker_devices(dir_->path()).has_value();
  Firecracker driver(*std::move(binary),
                     {.device_dir = dir_->path(), .page_handler = WRENN_PAGE_HANDLER}, pool_);
  TestVm& vm = make_vm("vm");
  vm.spec.memory_mb = 128;
  const auto booted = boot(vm, driver);
  // There is no kernel in the file: the call that starts it is the one that says so.
  ASSERT_FALSE(booted);
  std::cout << "Firecracker " << driver.version() << (has_kvm ? ", KVM" : ", no KVM") << ": "
            << booted.error().message << '\n';
  EXPECT_NE(booted.error().message.find("/actions"), std::string::npos);
  EXPECT_TRUE(are_all_gone(vm.spec.uid));
}

}  // namespace
}  // namespace wrenn::vm
