#include "agent/disk_chain.h"

#include <filesystem>
#include <map>

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::agent {
namespace {

using base::concat;
using storage::DiskFormat;

class DiskChainTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(dir_);
    place_.directory = dir_->path() / "vm";
    ASSERT_TRUE(base::make_dirs(place_.directory, 0700));
    ASSERT_TRUE(base::write_file_atomic(dir_->path() / "base", std::string(1 << 20, 'b')));
  }
  // The disk of that number in the VM's directory, over the disk of that place in the chain.
  void make(std::size_t number, std::size_t under) {
    ASSERT_TRUE(storage::create_disk({.base = dir_->path() / "base",
                                      .target = file(number),
                                      .backing_name = name_in_jail(under)}));
  }
  base::Path file(std::size_t number) const { return place_.directory / disk_file(number); }
  DiskChain base(std::size_t count) const {
    DiskChain chain{{dir_->path() / "base", DiskFormat::kRaw}};
    while (chain.size() < count) {
      chain.push_back({dir_->path() / concat("saved-", chain.size()), DiskFormat::kQcow2});
    }
    return chain;
  }
  // What is below the disk, and the disk.
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

TEST_F(DiskChainTest, TheLastThatWasMadeIsOnTop) {
  make(2, 1);
  make(3, 2);
  ASSERT_TRUE(read_chain(base(2), {}, place_));
  EXPECT_EQ(names(), (Names{"base", "saved-1", "disk-2", "disk-3"}));
  EXPECT_EQ(place_.disk.format, DiskFormat::kQcow2);
}

TEST_F(DiskChainTest, OneThatWasNeverSwitchedToIsRemoved) {
  make(1, 0);
  make(2, 1);
  ASSERT_TRUE(read_chain(base(1), "disk-1", place_));
  EXPECT_EQ(names(), (Names{"base", "disk-1"}));
  EXPECT_FALSE(std::filesystem::exists(file(2)));
}

TEST_F(DiskChainTest, WhatWasMergedIsLeftOutAndRemoved) {
  make(3, 2);
  make(4, 3);
  make(5, 0);  // It took in all between.
  make(6, 1);
  ASSERT_TRUE(read_chain(base(3), {}, place_));
  EXPECT_EQ(names(), (Names{"base", "disk-5", "disk-6"}));
  EXPECT_FALSE(std::filesystem::exists(file(3)) || std::filesystem::exists(file(4)));
  EXPECT_TRUE(std::filesystem::exists(file(5)));
}

TEST_F(DiskChainTest, ACompleteDiskLiesOnNothing) {
  ASSERT_TRUE(base::write_file_atomic(file(0), "disk"));
  make(1, 0);
  ASSERT_TRUE(read_chain(base(2), {}, place_));
  EXPECT_EQ(names(), (Names{"disk-0", "disk-1"}));
  EXPECT_EQ(place_.lower_disks[0].format, DiskFormat::kRaw);
}

TEST_F(DiskChainTest, WhatDoesNotFitIsRefusedAndStays) {
  make(1, 7);
  EXPECT_FALSE(read_chain(base(1), {}, place_));
  EXPECT_TRUE(std::filesystem::exists(file(1)));
  ASSERT_TRUE(base::write_file_atomic(file(1), "no disk"));
  EXPECT_FALSE(read_chain(base(1), {}, place_));
  std::filesystem::remove(file(1));
  EXPECT_FALSE(read_chain(base(1), {}, place_)) << "there is none";
  make(1, 0);
  EXPECT_FALSE(read_chain(base(1), "disk-2", place_));
  EXPECT_TRUE(std::filesystem::exists(file(1)));
}

TEST_F(DiskChainTest, AMuchLargerFirstOverlayStays) {
  const auto write = [this](const char* name, std::size_t bytes) {
    const base::Path path = dir_->path() / name;
    EXPECT_TRUE(base::write_file_atomic(path, std::string(bytes, 'x')));
    return DiskFile{path, DiskFormat::kQcow2};
  };
  place_.lower_disks = {write("base", 1 << 20), write("first", 1 << 20), write("a", 1 << 18)};
  EXPECT_EQ(merge_base(place_).value(), 1u);
  place_.lower_disks.push_back(write("b", 1 << 20));
  EXPECT_EQ(merge_base(place_).value(), 0u);
}

}  // namespace
}  // namespace wrenn::agent
