#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <optional>

#include <gtest/gtest.h>

namespace wrenn::base {
namespace {

class Files : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::create();
    ASSERT_TRUE(dir) << dir.error().to_string();
    dir_.emplace(std::move(*dir));
  }
  const Path& dir() const { return dir_->path(); }
  std::size_t entries() const {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(dir())) ++count;
    return count;
  }
  std::optional<TempDir> dir_;
};

TEST_F(Files, WriteReplacesTheWholeFileAndSetsTheMode) {
  const Path file = dir() / "file";
  ASSERT_TRUE(write_file_atomic(file, "a long first content", 0600));
  ASSERT_TRUE(write_file_atomic(file, std::string("short\0", 6), 0640));
  EXPECT_EQ(*read_file(file), std::string("short\0", 6));
  struct stat info{};
  ASSERT_EQ(::stat(file.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
}

TEST_F(Files, FailedWriteLeavesNothingBehind) {
  const Path target = dir() / "directory";
  ASSERT_TRUE(make_dirs(target / "full"));
  const auto written = write_file_atomic(target, "x");
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().message.find(target.native()), std::string::npos);
  EXPECT_EQ(entries(), 1u);
}

TEST_F(Files, ReadRefusesMoreThanTheLimit) {
  const Path file = dir() / "file";
  ASSERT_TRUE(write_file_atomic(file, std::string(5000, 'x')));
  EXPECT_EQ(read_file(file, 5000)->size(), 5000u);
  EXPECT_EQ(read_file(file, 4999).error().code, Code::kResourceExhausted);
  EXPECT_EQ(read_file(dir() / "none").error().code, Code::kNotFound);
}

TEST_F(Files, ReadsWhatDoesNotTellItsSize) {
  const auto mappings = read_file("/proc/self/smaps");
  ASSERT_TRUE(mappings);
  EXPECT_GT(mappings->size(), 10'000u);
  EXPECT_TRUE(mappings->ends_with('\n'));
  ASSERT_TRUE(write_file_atomic(dir() / "empty", ""));
  EXPECT_EQ(*read_file(dir() / "empty"), "");
}

TEST_F(Files, OpenedFilesAreNotInherited) {
  const auto fd = open_file(dir() / "file", O_RDWR | O_CREAT);
  ASSERT_TRUE(fd);
  EXPECT_NE(::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_F(Files, MakeDirsIsIdempotentAndSaysWhatIsInTheWay) {
  ASSERT_TRUE(make_dirs(dir() / "a/b/c"));
  ASSERT_TRUE(make_dirs(dir() / "a/b/c"));
  ASSERT_TRUE(write_file_atomic(dir() / "file", ""));
  EXPECT_FALSE(make_dirs(dir() / "file"));
  EXPECT_FALSE(make_dirs(dir() / "file/below"));
}

TEST_F(Files, RemoveTreeDoesNotFollowLinks) {
  ASSERT_TRUE(make_dirs(dir() / "tree"));
  ASSERT_TRUE(make_dirs(dir() / "outside"));
  ASSERT_TRUE(write_file_atomic(dir() / "outside/file", "kept"));
  std::filesystem::create_directory_symlink(dir() / "outside", dir() / "tree/link");
  ASSERT_TRUE(remove_tree(dir() / "tree"));
  ASSERT_TRUE(remove_tree(dir() / "tree"));
  EXPECT_EQ(*read_file(dir() / "outside/file"), "kept");
}

TEST_F(Files, TempDirGoesWithItsOwner) {
  Path path;
  {
    auto inner = TempDir::create(dir(), "inner-");
    ASSERT_TRUE(inner);
    path = inner->path();
    ASSERT_TRUE(write_file_atomic(path / "file", "x"));
    const TempDir moved = std::move(*inner);
    EXPECT_EQ(moved.path(), path);
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(Files, WriteAllReportsAClosedReader) {
  const auto full = open_file("/dev/full", O_WRONLY);
  ASSERT_TRUE(full);
  EXPECT_EQ(write_all(full->get(), "x").error().code, Code::kResourceExhausted);
}

}  // namespace
}  // namespace wrenn::base
