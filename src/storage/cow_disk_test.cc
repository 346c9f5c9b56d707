#include "storage/cow_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <functional>
#include <iostream>
#include <string>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "base/time.h"
#include "storage/layout.h"

namespace wrenn::storage {
namespace {

using base::Code;
using base::concat;

constexpr std::uint64_t kMiB = 1 << 20;

struct CommandResult {
  int status = -1;
  std::string output;
};
CommandResult run(const std::string& command) {
  CommandResult result;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "re");
  if (pipe == nullptr) return result;
  std::array<char, 4096> buffer{};
  while (std::size_t n = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.output.append(buffer.data(), n);
  }
  result.status = ::pclose(pipe);
  return result;
}
void expect_success(const std::string& command) {
  const auto result = run(command);
  EXPECT_EQ(result.status, 0) << command << "\n" << result.output;
}
bool has_qemu_tools() {
  return run("qemu-img --version").status == 0 && run("qemu-io --version").status == 0;
}

class CowDiskTest : public testing::Test {
 protected:
  // A sparse base of 64 MiB with "base" in its first bytes and at 32 MiB.
  void SetUp() override {
    base_ = temp_.path() / "base.raw";
    write_base(base_, 64 * kMiB);
  }
  static void write_base(const Path& path, std::uint64_t bytes) {
    const auto fd = base::open_file(path, O_RDWR | O_CREAT | O_EXCL).value();
    ASSERT_EQ(::ftruncate(fd.get(), static_cast<off_t>(bytes)), 0);
    ASSERT_EQ(::pwrite(fd.get(), "base", 4, 0), 4);
    ASSERT_EQ(::pwrite(fd.get(), "base", 4, static_cast<off_t>(bytes / 2)), 4);
  }
  static std::string read_at(const Path& path, std::uint64_t offset) {
    const auto fd = base::open_file(path, O_RDONLY).value();
    std::string bytes(4, '?');
    EXPECT_EQ(::pread(fd.get(), bytes.data(), 4, static_cast<off_t>(offset)), 4);
    return bytes;
  }
  DiskRequest request(CowBackend backend, std::uint64_t bytes = 0) const {
    DiskRequest r;
    r.backend = backend;
    r.base = base_;
    r.target = temp_.path() / "disk";
    r.virtual_size_bytes = bytes;
    return r;
  }
  std::size_t file_count() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(temp_.path()), {}));
  }

  base::TempDir temp_ = base::TempDir::create().value();
  Path base_;
};

TEST_F(CowDiskTest, ProbeChoosesAndExplainsAndCleansUp) {
  const auto probe = probe_cow(temp_.path());
  ASSERT_TRUE(probe) << probe.error().to_string();
  EXPECT_NE(probe->backend, CowBackend::kSparseCopy);
  EXPECT_NE(probe->explanation.find(temp_.path().native()), std::string::npos);
  EXPECT_EQ(file_count(), 1u);
  EXPECT_EQ(probe_cow(temp_.path() / "none").error().code, Code::kNotFound);
}

TEST_F(CowDiskTest, SparseCopyKeepsContentHolesAndGrows) {
  const auto disk = create_disk(request(CowBackend::kSparseCopy, 100 * kMiB));
  ASSERT_TRUE(disk) << disk.error().to_string();
  EXPECT_EQ(disk->format, DiskFormat::kRaw);
  EXPECT_EQ(disk->virtual_size_bytes, 100 * kMiB);
  EXPECT_EQ(virtual_size(disk->path, DiskFormat::kRaw).value(), 100 * kMiB);
  EXPECT_EQ(read_at(disk->path, 0), "base");
  EXPECT_EQ(read_at(disk->path, 32 * kMiB), "base");
  EXPECT_EQ(read_at(disk->path, 99 * kMiB), std::string(4, '\0'));
  EXPECT_LT(disk_usage(disk->path).value(), kMiB);
  struct stat info{};
  ASSERT_EQ(::stat(disk->path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(CowDiskTest, OverlaySatisfiesQemuImg) {
  if (!has_qemu_tools()) GTEST_SKIP() << "qemu-img or qemu-io is not installed";
  for (const std::uint64_t bytes : {0 * kMiB, 65 * kMiB, 5120 * kMiB, kMaxDiskBytes}) {
    const auto disk = create_disk(request(CowBackend::kQcow2Overlay, bytes));
    ASSERT_TRUE(disk) << disk.error().to_string();
    EXPECT_EQ(disk->format, DiskFormat::kQcow2);
    const std::uint64_t expected = bytes == 0 ? 64 * kMiB : bytes;
    EXPECT_EQ(virtual_size(disk->path, DiskFormat::kQcow2).value(), expected);
    const std::string path = disk->path.native();
    const auto check = run("qemu-img check " + path);
    EXPECT_EQ(check.status, 0) << check.output;
    EXPECT_NE(check.output.find("No errors were found"), std::string::npos) << check.output;
    const auto info = run("qemu-img info --output=json " + path);
    EXPECT_NE(info.output.find(concat("\"virtual-size\": ", expected)), std::string::npos);
    EXPECT_NE(info.output.find("\"backing-filename-format\": \"raw\""), std::string::npos);
    EXPECT_NE(info.output.find("\"lazy-refcounts\": false"), std::string::npos);
    EXPECT_NE(info.output.find("\"cluster-size\": 65536"), std::string::npos);
    ASSERT_EQ(::unlink(path.c_str()), 0);
  }
}

TEST_F(CowDiskTest, OverlayReadsTheBaseAndKeepsWritesToItself) {
  if (!has_qemu_tools()) GTEST_SKIP() << "qemu-img or qemu-io is not installed";
  const auto disk = create_disk(request(CowBackend::kQcow2Overlay, 600 * kMiB)).value();
  const std::string path = disk.path.native();
  // "base" is 0x62 0x61 0x73 0x65; one write lies beyond the base, in the second L1 entry.
  expect_success("qemu-io -f qcow2 -c 'read -P 0x62 0 1' -c 'read -P 0x62 32M 1' " + path);
  expect_success("qemu-io -f qcow2 -c 'write -P 0xab 0 128k' -c 'write -P 0xcd 599M 1M' " + path);
  expect_success(
      "qemu-io -f qcow2 -c 'read -P 0xab 0 128k' -c 'read -P 0xcd 599M 1M'"
      " -c 'read -P 0 100M 1M' -c 'read -P 0x62 32M 1' " +
      path);
  expect_success("qemu-img check " + path);
  EXPECT_EQ(read_at(base_, 0), "base");
}

TEST_F(CowDiskTest, OverlayOverAnOverlay) {
  if (!has_qemu_tools()) GTEST_SKIP() << "qemu-img or qemu-io is not installed";
  auto first = request(CowBackend::kQcow2Overlay);
  first.target = temp_.path() / "first.qcow2";
  ASSERT_TRUE(create_disk(first));
  expect_success("qemu-io -f qcow2 -c 'write -P 0xab 1M 64k' " + first.target.native());
  auto second = request(CowBackend::kQcow2Overlay);
  second.base = first.target;
  second.base_format = DiskFormat::kQcow2;
  const auto disk = create_disk(second);
  ASSERT_TRUE(disk) << disk.error().to_string();
  EXPECT_EQ(disk->virtual_size_bytes, 64 * kMiB);
  expect_success("qemu-io -f qcow2 -c 'read -P 0xab 1M 64k' -c 'read -P 0x62 0 1' " +
                 disk->path.native());
}

TEST_F(CowDiskTest, OverlayCanNameItsBaseAsTheHypervisorSeesIt) {
  auto r = request(CowBackend::kQcow2Overlay);
  r.backing_name = "/disks/base.raw";
  ASSERT_TRUE(create_disk(r));
  EXPECT_NE(base::read_file(r.target).value().find("/disks/base.raw"), std::string::npos);

  for (const std::string& bad : {std::string("nbd:unix:/x"), "/" + std::string(1023, 'a')}) {
    r.target = temp_.path() / "bad";
    r.backing_name = bad;
    EXPECT_EQ(create_disk(r).error().code, Code::kInvalidArgument);
  }
  EXPECT_EQ(file_count(), 2u) << "base and the one disk that worked";
}

TEST_F(CowDiskTest, RefusesSizesThatCannotBe) {
  const auto small = create_disk(request(CowBackend::kQcow2Overlay, 63 * kMiB));
  ASSERT_FALSE(small);
  EXPECT_EQ(small.error().code, Code::kInvalidArgument);
  EXPECT_NE(small.error().message.find("base image"), std::string::npos);
  EXPECT_NE(small.error().remedy.find("at least 64"), std::string::npos) << small.error().remedy;
  EXPECT_EQ(create_disk(request(CowBackend::kQcow2Overlay, kMaxDiskBytes + 1)).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(create_disk(request(CowBackend::kSparseCopy, ~0ull)).error().code,
            Code::kInvalidArgument);
  EXPECT_EQ(file_count(), 1u);
}

TEST_F(CowDiskTest, AnExistingTargetIsNeverOverwritten) {
  for (const auto backend : {CowBackend::kQcow2Overlay, CowBackend::kSparseCopy}) {
    const auto r = request(backend);
    ASSERT_TRUE(base::write_file_atomic(r.target, "precious"));
    EXPECT_EQ(create_disk(r).error().code, Code::kAlreadyExists);
    EXPECT_EQ(base::read_file(r.target).value(), "precious");
    EXPECT_EQ(file_count(), 2u);
  }
}

TEST_F(CowDiskTest, AWrongBaseIsNamed) {
  auto r = request(CowBackend::kQcow2Overlay);
  r.base = temp_.path() / "none";
  EXPECT_EQ(create_disk(r).error().code, Code::kNotFound);
  r.base = temp_.path();
  EXPECT_EQ(create_disk(r).error().code, Code::kInvalidArgument);
  r.base = base_;
  r.base_format = DiskFormat::kQcow2;
  EXPECT_EQ(create_disk(r).error().code, Code::kDataLoss);
  EXPECT_EQ(file_count(), 1u);
}

TEST_F(CowDiskTest, OverlayTakesLessThanAMillisecond) {
  constexpr int kRounds = 50;
  base::Duration best = base::Duration::max();
  for (int i = 0; i < kRounds; ++i) {
    auto r = request(CowBackend::kQcow2Overlay, 5120 * kMiB);
    r.target = temp_.path() / concat("disk", i);
    const auto start = base::steady_now();
    ASSERT_TRUE(create_disk(r));
    best = std::min(best, base::Duration(base::steady_now() - start));
  }
  std::cout << "best of " << kRounds << ": " << best.count() / 1000 << " us\n";
  EXPECT_LT(best.count(), 1'000'000);
}

TEST_F(CowDiskTest, UsageAndFreeSpace) {
  ASSERT_TRUE(base::write_file_atomic(temp_.path() / "full", std::string(kMiB, 'x')));
  EXPECT_GE(disk_usage(temp_.path() / "full").value(), kMiB);
  EXPECT_GE(disk_usage(temp_.path()).value(), kMiB);
  EXPECT_LT(disk_usage(temp_.path()).value(), 3 * kMiB) << "holes do not count";
  EXPECT_GT(free_space(temp_.path()).value(), 0u);
  EXPECT_EQ(free_space(temp_.path() / "none").error().code, Code::kNotFound);
}

// Runs `body` in a child with its own mount namespace; the mounts it makes go away with it. The
// child's exit status: 0 passed, kSkipped when the machine does not allow it, else failed.
constexpr int kSkipped = 77;
int in_mount_namespace(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    const bool ready = ::unshare(CLONE_NEWNS) == 0 &&
                       ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    ::_exit(ready ? body() : kSkipped);
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

int complain(std::string_view what) {
  std::cerr << what << std::endl;
  return 1;
}

// On a tmpfs of 1 MiB: a copy of a larger base must fail cleanly, and so must an overlay once the
// rest is full.
int full_disk_body(const Path& mount_point) {
  if (::mount("tmpfs", mount_point.c_str(), "tmpfs", 0, "size=1m") != 0) return kSkipped;
  const Path base = mount_point.parent_path() / "full-base.raw";
  if (!base::write_file_atomic(base, std::string(4 * kMiB, 'x'))) return complain("no base");
  DiskRequest request;
  request.base = base;
  request.target = mount_point / "disk";
  request.backend = CowBackend::kSparseCopy;
  const auto expect_full = [&](std::string_view what) -> int {
    const auto disk = create_disk(request);
    if (disk) return complain(concat(what, ": worked on a full disk"));
    if (disk.error().code != Code::kResourceExhausted || disk.error().remedy.empty()) {
      return complain(concat(what, ": ", disk.error().to_string()));
    }
    std::error_code error;
    if (std::filesystem::exists(request.target, error)) return complain("target left behind");
    for (const auto& entry : std::filesystem::directory_iterator(mount_point)) {
      if (is_temporary_name(entry.path().filename().native())) return complain("temporary left");
    }
    return 0;
  };
  if (const int status = expect_full("copy"); status != 0) return status;
  const auto filler = base::open_file(mount_point / "filler", O_WRONLY | O_CREAT);
  if (!filler) return complain("no filler");
  while (base::write_all(filler->get(), std::string(4096, 'x'))) {
  }
  request.backend = CowBackend::kQcow2Overlay;
  return expect_full("overlay");
}

TEST_F(CowDiskTest, AFullDiskIsAClearErrorAndLeavesNothing) {
  const Path mount_point = temp_.path() / "tmpfs";
  ASSERT_TRUE(base::make_dirs(mount_point));
  const int status = in_mount_namespace([&] { return full_disk_body(mount_point); });
  if (status == kSkipped) {
    GTEST_SKIP() << "mounting a tmpfs in a mount namespace of our own needs root";
  }
  EXPECT_EQ(status, 0);
}

// An XFS in a loop-mounted file; the kernel detaches the loop device with the last mount.
int reflink_body(const Path& dir) {
  const std::string image = (dir / "xfs.img").native();
  const Path mount_point = dir / "xfs";
  if (!base::make_dirs(mount_point)) return complain("no mount point");
  if (run("truncate -s 400M " + image + " && mkfs.xfs -q -m reflink=1 " + image).status != 0 ||
      run("mount -o loop " + image + " " + mount_point.native()).status != 0) {
    return kSkipped;
  }
  const auto probe = probe_cow(mount_point);
  if (!probe || probe->backend != CowBackend::kReflink) return complain("probe does not see it");
  DiskRequest request;
  request.backend = CowBackend::kReflink;
  request.base = mount_point / "base";
  request.target = mount_point / "disk";
  request.virtual_size_bytes = 64 * kMiB;
  if (!base::write_file_atomic(request.base, std::string(8 * kMiB, 'x'))) return complain("base");
  const auto before = free_space(mount_point);
  const auto disk = create_disk(request);
  if (!disk) return complain(disk.error().to_string());
  const auto after = free_space(mount_point);
  if (!before || !after || *before - *after > kMiB) return complain("blocks are not shared");
  if (virtual_size(request.target, DiskFormat::kRaw).value_or(0) != 64 * kMiB) {
    return complain("not grown");
  }
  return 0;
}

TEST_F(CowDiskTest, ReflinkSharesBlocksAndGrows) {
  const int status = in_mount_namespace([&] { return reflink_body(temp_.path()); });
  if (status == kSkipped) GTEST_SKIP() << "needs root, mkfs.xfs and a loop device";
  EXPECT_EQ(status, 0);
}

TEST_F(CowDiskTest, ReflinkWhereItIsNotPossibleSaysSo) {
  if (probe_cow(temp_.path()).value().backend == CowBackend::kReflink) {
    GTEST_SKIP() << "this file system has reflinks";
  }
  const auto disk = create_disk(request(CowBackend::kReflink));
  ASSERT_FALSE(disk);
  EXPECT_EQ(disk.error().code, Code::kFailedPrecondition);
  EXPECT_FALSE(disk.error().remedy.empty());
  EXPECT_EQ(file_count(), 1u);
}

}  // namespace
}  // namespace wrenn::storage
