#include "agent/working_set.h"

#include <sys/stat.h>

#include <gtest/gtest.h>

#include "vm/firecracker/handshake.h"
#include "vm/firecracker/page_handler.h"

namespace wrenn::agent {
namespace {

using vm::firecracker::PageList;
using vm::firecracker::to_bytes;

class WorkingSetTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* part : {"vm", "base", "next", "linked"}) {
      ASSERT_TRUE(base::make_dirs(dir_.path() / part));
    }
    base_.directory = dir_.path() / "base";
    base_.manifest.memory_mb = 128;
  }

  void write(const char* file, std::string_view bytes) {
    ASSERT_TRUE(base::write_file_atomic(dir_.path() / file, bytes));
  }
  void record(std::string_view bytes) {
    write((std::string("vm/") + vm::firecracker::kHandlerRecord).c_str(), bytes);
  }
  // What the checkpoint that is saved has; nothing when it has none.
  std::string kept() {
    EXPECT_TRUE(keep_working_set(dir_.path() / "vm", base_, dir_.path() / "next"));
    return base::read_file(dir_.path() / "next" / kWorkingSetFile).value_or("");
  }

  const std::string first_ = to_bytes(PageList{7, 3, 32767});
  const std::string second_ = to_bytes(PageList{1});
  base::TempDir dir_ = base::TempDir::create().value();
  Checkpoint base_;
};

TEST_F(WorkingSetTest, WhatAVmHasRecordedGoesIntoItsCheckpoint) {
  write("base/memory.pages", second_);
  record(first_);
  EXPECT_EQ(kept(), first_);
  struct stat info{};
  ASSERT_EQ(::stat((dir_.path() / "next" / kWorkingSetFile).c_str(), &info), 0);
  EXPECT_EQ(info.st_nlink, 1u) << "the VM must not keep its hands on it";
}

TEST_F(WorkingSetTest, OneThatWasGivenAListHandsThatOn) {
  write("base/memory.pages", second_);
  EXPECT_EQ(kept(), second_);
}

TEST_F(WorkingSetTest, OneThatHasNotRecordedYetHasNone) {
  record("");
  EXPECT_EQ(kept(), "");
}

TEST_F(WorkingSetTest, WhatIsNoListOfThisMemoryIsLeftOut) {
  write("base/memory.pages", second_);
  record(to_bytes(PageList{32768}));
  EXPECT_EQ(kept(), second_);
}

TEST_F(WorkingSetTest, ALinkOfTheVmIsNotFollowed) {
  write("secret", first_);
  std::filesystem::create_symlink(dir_.path() / "secret",
                                  dir_.path() / "vm" / vm::firecracker::kHandlerRecord);
  EXPECT_EQ(kept(), "");
}

TEST_F(WorkingSetTest, CopiesOfACheckpointHaveItToo) {
  EXPECT_TRUE(link_working_set(base_, dir_.path() / "linked")) << "there is none";
  write("base/memory.pages", second_);
  ASSERT_TRUE(link_working_set(base_, dir_.path() / "linked"));
  EXPECT_EQ(base::read_file(dir_.path() / "linked" / kWorkingSetFile).value(), second_);
  EXPECT_EQ(base_.memory().working_set, dir_.path() / "base" / kWorkingSetFile)
      << "where the hypervisor looks for it";
}

}  // namespace
}  // namespace wrenn::agent
