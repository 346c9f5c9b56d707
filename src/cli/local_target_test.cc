#include "cli/local_target.h"

#include <iterator>

#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

class LocalTargetTest : public testing::Test {
 protected:
  long files() const { return std::distance(std::filesystem::directory_iterator(dir_.path()), {}); }
  base::TempDir dir_ = std::move(*base::TempDir::create());
};

TEST_F(LocalTargetTest, AppearsWhole) {
  const base::Path path = dir_.path() / "out";
  auto target = LocalTarget::open(path.native(), "name");
  ASSERT_TRUE(target.has_value());
  ASSERT_TRUE(target->write("half "));
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE(target->write("whole"));
  ASSERT_TRUE(target->commit());
  EXPECT_EQ(base::read_file(path), "half whole");
  EXPECT_EQ(files(), 1);
}

TEST_F(LocalTargetTest, LeavesTheOldFileWhenItIsCutShort) {
  const base::Path path = dir_.path() / "out";
  ASSERT_TRUE(base::write_file_atomic(path, "old"));
  {
    auto target = LocalTarget::open(path.native(), "name");
    ASSERT_TRUE(target->write("new"));
  }
  EXPECT_EQ(base::read_file(path), "old");
  EXPECT_EQ(files(), 1);
}

TEST_F(LocalTargetTest, TakesTheNameInsideADirectory) {
  auto target = LocalTarget::open(dir_.path().native(), "name");
  ASSERT_TRUE(target.has_value());
  ASSERT_TRUE(target->commit());
  EXPECT_TRUE(std::filesystem::exists(dir_.path() / "name"));
}

TEST_F(LocalTargetTest, WritesDevicesInPlace) {
  auto target = LocalTarget::open("/dev/null", "name");
  ASSERT_TRUE(target.has_value());
  EXPECT_TRUE(target->write("gone"));
  EXPECT_TRUE(target->commit());
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST_F(LocalTargetTest, RefusesADirectoryThatIsNotThere) {
  EXPECT_FALSE(LocalTarget::open((dir_.path() / "none/").native(), "name").has_value());
  EXPECT_FALSE(LocalTarget::open((dir_.path() / "none/file").native(), "name").has_value());
}

}  // namespace
}  // namespace wrenn::cli
