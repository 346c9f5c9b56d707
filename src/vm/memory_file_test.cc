#include "vm/memory_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include <gtest/gtest.h>

namespace wrenn::vm {
namespace {

constexpr std::uint64_t kSize = 8 << 20;

class MemoryFileTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root: a sealed file belongs to root";
    ASSERT_TRUE(create_memory_file(path, kSize));
  }
  void write(std::string_view text, off_t offset) {
    const auto file = base::open_file(path, O_RDWR);
    ASSERT_TRUE(file);
    ASSERT_EQ(::pwrite(file->get(), text.data(), text.size(), offset),
              static_cast<ssize_t>(text.size()));
  }
  struct stat info() {
    struct stat result{};
    EXPECT_EQ(::stat(path.c_str(), &result), 0);
    return result;
  }

  base::Result<base::TempDir> dir = base::TempDir::create();
  base::Path path = dir->path() / "memory.bin";
};

TEST_F(MemoryFileTest, ZeroPagesTakeNoRoomOnceItIsSealed) {
  write("first", 0);
  write("inner", (5 << 20) + 123);
  write(std::string(1 << 20, '\0'), 2 << 20);
  ASSERT_TRUE(seal_memory_file(path));
  EXPECT_LE(info().st_blocks * 512, 64 << 10);
  const auto content = base::read_file(path, kSize);
  ASSERT_TRUE(content);
  ASSERT_EQ(content->size(), kSize);
  EXPECT_EQ(content->substr(0, 5), "first");
  EXPECT_EQ(content->substr((5 << 20) + 123, 5), "inner");
  EXPECT_EQ(content->find_first_not_of('\0', 5), static_cast<std::size_t>((5 << 20) + 123));
}

TEST_F(MemoryFileTest, NobodyButRootMayWriteOnceItIsSealed) {
  ASSERT_EQ(::chown(path.c_str(), 12345, 12345), 0);
  ASSERT_TRUE(seal_memory_file(path));
  EXPECT_EQ(info().st_uid, 0u);
  EXPECT_EQ(info().st_mode & 07777, 0444u);
}

TEST_F(MemoryFileTest, AFileOfAnotherSizeIsDamaged) {
  EXPECT_TRUE(check_memory_file(path, kSize));
  EXPECT_EQ(check_memory_file(path, kSize + 1).error().code, base::Code::kDataLoss);
  EXPECT_EQ(create_memory_file(path, kSize).error().code, base::Code::kAlreadyExists);
}

}  // namespace
}  // namespace wrenn::vm
