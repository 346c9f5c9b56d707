#include "agent/snapshot_disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "storage/dm/exception_store.h"
#include "storage/file_range.h"

namespace wrenn::agent {
namespace {

using base::concat;
using base::Fd;
using storage::DiskFormat;

constexpr std::uint64_t kChunk = storage::dm::kChunkBytes;

class SnapshotDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(dir_);
    place_.directory = dir_->path() / "vm";
    place_.shape.disk_mb = 1;
    place_.uid = ::geteuid();
    ASSERT_TRUE(base::make_dirs(place_.directory, 0700));
    ASSERT_TRUE(base::write_file_atomic(dir_->path() / "base", std::string(8 * kChunk, 'i')));
  }
  base::Path file(std::size_t number) const { return place_.directory / disk_file(number); }
  // A store in which one chunk of the disk was written.
  static void make(const base::Path& path, std::uint64_t chunk, char letter) {
    const Fd store = base::open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600).value();
    ASSERT_TRUE(storage::dm::write_empty_store(store.get(), 1 << 20));
    const std::uint64_t entry[2] = {chunk, 2};
    ASSERT_TRUE(storage::write_at(store.get(),
                                  {reinterpret_cast<const char*>(entry), sizeof(entry)}, kChunk));
    ASSERT_TRUE(storage::write_at(store.get(), std::string(kChunk, letter), 2 * kChunk));
  }
  // The image and so many stores, of which store N wrote chunk N.
  DiskChain saved(std::size_t stores) const {
    DiskChain chain{{dir_->path() / "base", DiskFormat::kRaw}};
    for (std::size_t i = 0; i < stores; ++i) {
      const base::Path path = dir_->path() / concat("saved-", i);
      make(path, i, static_cast<char>('a' + i));
      chain.push_back({path, DiskFormat::kDmStore});
    }
    return chain;
  }
  // The first letter of each of the first chunks.
  static std::string letters(const base::Path& raw, std::size_t count) {
    const auto text = base::read_file(raw).value();
    std::string out;
    for (std::size_t i = 0; i < count; ++i) out += text.at(i * kChunk);
    return out;
  }
  static ino_t inode(const base::Path& path) {
    struct stat info{};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_ino;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& disk : place_.lower_disks) out.push_back(disk.path.filename());
    out.push_back(place_.disk.path.filename());
    return out;
  }
  using Names = std::vector<std::string>;

  base::Result<base::TempDir> dir_ = base::TempDir::create();
  VmPlace place_;
};

TEST_F(SnapshotDiskTest, FlattensWhereThereIsNoDeviceMapper) {
  ASSERT_TRUE(flatten_disk(saved(3), place_));
  EXPECT_TRUE(place_.lower_disks.empty());
  EXPECT_FALSE(place_.is_snapshot);
  EXPECT_EQ(place_.disk.format, DiskFormat::kRaw);
  EXPECT_EQ(std::filesystem::file_size(place_.disk.path), 1U << 20);
  EXPECT_EQ(letters(place_.disk.path, 9), std::string("abciiiii\0", 9));
}

TEST_F(SnapshotDiskTest, WhatItIsSaidToRunOnHasOneDevice) {
  place_.is_snapshot = true;
  place_.lower_disks = saved(1);
  place_.disk = {file(2), DiskFormat::kDmStore, 1 << 20};
  const vm::VmSpec spec = place_.spec();
  EXPECT_EQ(spec.disk_file, kDeviceNode);
  EXPECT_EQ(spec.disk_format, vm::DiskFormat::kDevice);
  EXPECT_TRUE(spec.backing.empty());
}

TEST_F(SnapshotDiskTest, TheChainIsTheFilesInTheirOrder) {
  make(file(2), 5, 'x');
  make(file(4), 5, 'y');
  ASSERT_TRUE(read_snapshot_chain(saved(1), {}, place_));
  EXPECT_EQ(names(), (Names{"base", "saved-0", "disk-2", "disk-4"}));
  EXPECT_EQ(place_.disk.virtual_size_bytes, 1U << 20);
  // One that was never used goes.
  ASSERT_TRUE(
      read_snapshot_chain({{dir_->path() / "base", DiskFormat::kRaw}}, inode(file(2)), place_));
  EXPECT_EQ(names(), (Names{"base", "disk-2"}));
  EXPECT_FALSE(std::filesystem::exists(file(4)));
  const auto lost = read_snapshot_chain(saved(0), inode(dir_->path() / "base"), place_);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, base::Code::kDataLoss);
}

TEST_F(SnapshotDiskTest, AMergedFileHasAllThatIsBelow) {
  make(file(2), 5, 'x');
  make(file(3), 5, 'x');
  make(file(4), 6, 'y');
  ASSERT_TRUE(read_snapshot_chain(saved(3), inode(file(4)), place_));
  EXPECT_EQ(names(), (Names{"base", "disk-3", "disk-4"}));
  EXPECT_FALSE(std::filesystem::exists(file(2)));
}

TEST_F(SnapshotDiskTest, TheNextFileLiesOnWhatThereIs) {
  make(file(2), 5, 'x');
  place_.is_snapshot = true;
  place_.lower_disks = saved(2);
  place_.disk = {file(2), DiskFormat::kDmStore, 1 << 20};
  const auto next = make_next_store(place_);
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(next->disk.path, file(4));
  EXPECT_EQ(next->lower_disks.size(), 3U);
  EXPECT_EQ(std::filesystem::file_size(file(4)), storage::dm::store_bytes(1 << 20));
}

TEST_F(SnapshotDiskTest, ALongChainIsMergedBelowTheNextFile) {
  make(file(2), 5, 'x');
  place_.is_snapshot = true;
  place_.lower_disks = saved(kMergeFrom - 1);
  place_.disk = {file(2), DiskFormat::kDmStore, 1 << 20};
  const auto next = make_next_store(place_);
  ASSERT_TRUE(next) << next.error().message;
  ASSERT_EQ(next->lower_disks.size(), 2U);
  EXPECT_EQ(next->lower_disks[1].path, file(1));
  // It reads as they did.
  DiskChain chain = next->lower_disks;
  chain.push_back({file(2), DiskFormat::kDmStore});
  VmPlace flat;
  flat.shape = place_.shape;
  flat.uid = place_.uid;
  flat.directory = dir_->path() / "flat";
  ASSERT_TRUE(base::make_dirs(flat.directory, 0700));
  ASSERT_TRUE(flatten_disk(chain, flat));
  EXPECT_EQ(letters(flat.disk.path, 8), "abcdexgi");
  // And a new agent finds it, used or not.
  ASSERT_TRUE(read_snapshot_chain(saved(0), inode(file(2)), place_));
  EXPECT_EQ(names(), (Names{"base", "disk-1", "disk-2"}));
}

}  // namespace
}  // namespace wrenn::agent
