// Disks on the kernel's own devices. Without device-mapper nothing of this can be run, which is
// said; the end-to-end tests run it in a guest whose kernel has it.
#include "storage/dm/snapshot_disks.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "storage/cow_disk.h"
#include "storage/dm/exception_store.h"
#include "storage/dm/loop_device.h"
#include "storage/file_range.h"

namespace wrenn::storage::dm {
namespace {

using base::Code;
using base::concat;
using base::Fd;
using base::Path;

constexpr std::uint64_t kDisk = 4 << 20;
constexpr std::uint64_t kImage = 1 << 20;
constexpr std::uint64_t kChunks = kDisk / kChunkBytes;

class SnapshotDisksTest : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_.emplace(base::TempDir::create().value());
    if (auto works = probe_snapshots(dir_->path(), kPrefix); !works) {
      // Where it has to be there, its absence is no reason to skip.
      ASSERT_EQ(std::getenv("WRENN_NEEDS_DEVICE_MAPPER"), nullptr) << works.error().message;
      GTEST_SKIP() << works.error().message;
    }
    disks_.emplace(SnapshotDisks::open(kPrefix).value());
    ASSERT_TRUE(base::write_file_atomic(dir_->path() / "image", std::string(kImage, 'i')));
  }

  void TearDown() override {
    if (!disks_) return;
    EXPECT_TRUE(disks_->sweep({}));
    for (const auto& name : Control::open()->list().value()) {
      EXPECT_FALSE(name.starts_with(kPrefix)) << name;
    }
  }

  Path store(const std::string& name, std::uint64_t disk = kDisk) {
    const Path path = dir_->path() / name;
    const Fd file = base::open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600).value();
    EXPECT_TRUE(write_empty_store(file.get(), disk));
    return path;
  }
  DiskFiles files(std::vector<Path> stores) const {
    return {dir_->path() / "image", std::move(stores), kDisk};
  }
  Path node(const std::string& id, dev_t device) {
    const Path path = dir_->path() / concat(id, ".node");
    EXPECT_TRUE(make_node(path, device, ::geteuid()));
    EXPECT_TRUE(is_node(path));
    return path;
  }
  static void write(const Path& node, std::uint64_t chunk, char letter, std::uint64_t count = 1) {
    const Fd file = base::open_file(node, O_RDWR).value();
    ASSERT_TRUE(
        write_at(file.get(), std::string(count * kChunkBytes, letter), chunk * kChunkBytes));
    ASSERT_EQ(::fsync(file.get()), 0);
  }
  static char read(const Path& node, std::uint64_t chunk) {
    const Fd file = base::open_file(node, O_RDONLY).value();
    std::string bytes(kChunkBytes, '?');
    EXPECT_EQ(
        ::pread(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(chunk * kChunkBytes)),
        static_cast<ssize_t>(kChunkBytes));
    return bytes == std::string(kChunkBytes, bytes[0]) ? bytes[0] : '!';
  }
  static ino_t inode(const Path& path) {
    struct stat info{};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_ino;
  }

  static constexpr const char* kPrefix = "wrenn-ffff01-";
  std::optional<base::TempDir> dir_;
  std::optional<SnapshotDisks> disks_;
};

TEST_F(SnapshotDisksTest, IsAsLargeAsItShouldBeAndLeavesTheImageAlone) {
  const Path top = store("top");
  const auto device = disks_->create("sb-1", files({top}));
  ASSERT_TRUE(device) << device.error().message;
  const Path disk = node("sb-1", *device);
  {
    const Fd file = base::open_file(disk, O_RDONLY).value();
    std::uint64_t bytes = 0;
    ASSERT_EQ(::ioctl(file.get(), BLKGETSIZE64, &bytes), 0);
    EXPECT_EQ(bytes, kDisk);
  }
  EXPECT_EQ(read(disk, 0), 'i');
  EXPECT_EQ(read(disk, kImage / kChunkBytes - 1), 'i');
  EXPECT_EQ(read(disk, kImage / kChunkBytes), '\0');  // Beyond the image.
  write(disk, 3, 'x');
  write(disk, kChunks - 1, 'y');
  EXPECT_EQ(read(disk, 3), 'x');
  EXPECT_EQ(read(dir_->path() / "image", 3), 'i');
  EXPECT_EQ(disks_->current_store("sb-1"), inode(top));
  const auto status = disks_->check("sb-1");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->store_sectors, store_bytes(kDisk) / kSectorBytes);
  EXPECT_EQ(status->used_sectors, (2 + 2) * kChunkSectors);
  ASSERT_TRUE(disks_->remove("sb-1"));
  ASSERT_TRUE(disks_->remove("sb-1"));
}

// The bug of others: every chunk is written, and the snapshot is still good.
TEST_F(SnapshotDisksTest, CannotOverflow) {
  const Path top = store("top");
  const Path disk = node("sb-1", disks_->create("sb-1", files({top})).value());
  write(disk, 0, 'f', kChunks);
  const auto status = disks_->check("sb-1");
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_LE(status->used_sectors, status->store_sectors);
  EXPECT_EQ(read(disk, kChunks - 1), 'f');
  // What the kernel filled is what we read, and what we count with.
  const Fd file = base::open_file(top, O_RDONLY).value();
  EXPECT_EQ(read_store(file.get())->size(), kChunks);
  ASSERT_TRUE(disks_->remove("sb-1"));
  // A store that could overflow is refused before it can.
  const auto refused = disks_->create("sb-2", files({store("small", kDisk / 2)}));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("overflow"), std::string::npos);
}

// And when one does that was not made by us, that is noticed.
TEST_F(SnapshotDisksTest, AnOverflowIsToldAsLoss) {
  const Control control = Control::open().value();
  const Path small = store("small", 8 * kChunkBytes);
  const Fd image = base::open_file(dir_->path() / "image", O_RDONLY).value();
  const Fd file = base::open_file(small, O_RDWR).value();
  std::string top(kPrefix);
  {
    const LoopDevice origin = attach_loop(image.get(), LoopAccess::kReadOnly).value();
    const LoopDevice cow = attach_loop(file.get(), LoopAccess::kReadWrite).value();
    const auto device = control.create(
        top + "sb-1.top", {snapshot_line(kImage / kSectorBytes, origin.number, cow.number)},
        DeviceAccess::kReadWrite);
    ASSERT_TRUE(device) << device.error().message;
    const Fd disk = base::open_file(node("sb-1", *device), O_RDWR).value();
    (void)write_at(disk.get(), std::string(32 * kChunkBytes, 'f'), 0);
    EXPECT_NE(::fsync(disk.get()), 0);
  }
  const auto status = disks_->check("sb-1");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kDataLoss);
  EXPECT_FALSE(status.error().remedy.empty());
}

TEST_F(SnapshotDisksTest, ChangesItsFilesWhileItIsOpen) {
  const Path first = store("first");
  const Path disk = node("sb-1", disks_->create("sb-1", files({first})).value());
  const Fd open = base::open_file(disk, O_RDWR).value();                // As the VM has it.
  ASSERT_TRUE(write_at(open.get(), std::string(kChunkBytes, 'a'), 0));  // And did not sync.
  const Path second = store("second");
  ASSERT_TRUE(disks_->change_files("sb-1", files({first, second})));
  EXPECT_EQ(disks_->current_store("sb-1"), inode(second));
  ASSERT_TRUE(write_at(open.get(), std::string(kChunkBytes, 'b'), kChunkBytes));
  ASSERT_TRUE(write_at(open.get(), std::string(kChunkBytes, 'c'), 0));
  ASSERT_TRUE(write_back(disk));
  // The first one has what was written before, and is left alone from then on.
  const Fd saved = base::open_file(first, O_RDONLY).value();
  const Fd now = base::open_file(second, O_RDONLY).value();
  ASSERT_EQ(read_store(saved.get()).value(), (std::vector<Exception>{{0, 2}}));
  EXPECT_EQ(read(first, 2), 'a');
  EXPECT_EQ(read_store(now.get()).value().size(), 2U);
  EXPECT_EQ(read(disk, 0), 'c');
  EXPECT_EQ(read(disk, 1), 'b');
  // A copy that was saved in between is another disk.
  const Path copy = store("copy");
  const Path other = node("sb-2", disks_->create("sb-2", files({first, copy})).value());
  EXPECT_EQ(read(other, 0), 'a');
  EXPECT_EQ(read(other, 1), 'i');
}

TEST_F(SnapshotDisksTest, AMergedStoreReadsTheSame) {
  std::vector<Path> stores = {store("s0")};
  const Path disk = node("sb-1", disks_->create("sb-1", files(stores)).value());
  for (std::uint64_t i = 0; i < 5; ++i) {
    write(disk, i, static_cast<char>('a' + i), 5 - i);
    stores.push_back(store(concat("s", i + 1)));
    ASSERT_TRUE(disks_->change_files("sb-1", files(stores)));
  }
  std::vector<Fd> opened;
  std::vector<int> lower;
  for (const auto& path : stores) {
    lower.push_back(opened.emplace_back(base::open_file(path, O_RDONLY).value()).get());
  }
  const Path merged = dir_->path() / "merged";
  {
    const Fd out = base::open_file(merged, O_RDWR | O_CREAT | O_EXCL, 0600).value();
    ASSERT_TRUE(merge_stores(lower, out.get()));
  }
  ASSERT_TRUE(disks_->change_files("sb-1", files({merged, store("last")})));
  for (std::uint64_t i = 0; i < 5; ++i) EXPECT_EQ(read(disk, i), static_cast<char>('a' + i));
  EXPECT_EQ(read(disk, 5), 'i');
  write(disk, 0, 'z');
  EXPECT_EQ(read(disk, 0), 'z');
  // Of the old devices none is left: the image, the merged store and the top.
  int count = 0;
  for (const auto& name : Control::open()->list().value()) count += name.starts_with(kPrefix);
  EXPECT_EQ(count, 3);
}

TEST_F(SnapshotDisksTest, AFailedChangeLeavesItAsItWas) {
  const Path first = store("first");
  const Path disk = node("sb-1", disks_->create("sb-1", files({first})).value());
  write(disk, 0, 'a');
  const Path broken = dir_->path() / "broken";
  ASSERT_TRUE(base::write_file_atomic(broken, std::string(64 << 10, 'x')));
  EXPECT_FALSE(disks_->change_files("sb-1", files({broken, first, store("next")})));
  EXPECT_EQ(disks_->current_store("sb-1"), inode(first));
  write(disk, 1, 'b');
  EXPECT_EQ(read(disk, 0), 'a');
  EXPECT_TRUE(disks_->check("sb-1"));
}

TEST_F(SnapshotDisksTest, RemovingWaitsForWhoeverHasItOpen) {
  const Path disk = node("sb-1", disks_->create("sb-1", files({store("top")})).value());
  Fd open = base::open_file(disk, O_RDWR).value();
  const auto busy = disks_->remove("sb-1");
  ASSERT_FALSE(busy);
  EXPECT_EQ(busy.error().code, Code::kUnavailable);
  EXPECT_EQ(read(disk, 0), 'i');  // Nothing was taken from under it.
  std::thread closer([&open] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    open.reset();
  });
  EXPECT_TRUE(disks_->remove("sb-1"));
  closer.join();
}

TEST_F(SnapshotDisksTest, SweepsWhatBelongsToNobody) {
  ASSERT_TRUE(disks_->create("sb-1", files({store("one")})));
  ASSERT_TRUE(disks_->create("sb-1.x", files({store("dotted")})));
  ASSERT_TRUE(disks_->create("sb-2", files({store("two")})));
  const auto others = SnapshotDisks::open("wrenn-ffff02-").value();
  ASSERT_TRUE(others.create("sb-1", files({store("theirs")})));
  // A new agent knows no more than the ids.
  const auto again = SnapshotDisks::open(kPrefix).value();
  ASSERT_TRUE(again.sweep({"sb-2"}));
  EXPECT_FALSE(again.check("sb-1"));
  EXPECT_FALSE(again.check("sb-1.x"));
  EXPECT_TRUE(again.check("sb-2"));
  EXPECT_TRUE(others.check("sb-1"));
  EXPECT_TRUE(again.go_on("sb-2"));
  EXPECT_TRUE(others.sweep({}));
}

TEST(SnapshotDisksProbe, SaysWhatIsMissing) {
  const auto dir = base::TempDir::create().value();
  const auto works = probe_snapshots(dir.path(), "wrenn-ffff03-");
  if (works) return;  // The tests above have used it.
  EXPECT_FALSE(works.error().message.empty());
  EXPECT_FALSE(works.error().remedy.empty()) << works.error().message;
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

}  // namespace
}  // namespace wrenn::storage::dm
