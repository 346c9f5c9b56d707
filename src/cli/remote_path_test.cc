#include "cli/remote_path.h"

#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

TEST(ParseRemotePath, SplitsAtTheColon) {
  const auto path = parse_remote_path("cl-0q3v:/tmp/a:b");
  ASSERT_TRUE(path.has_value());
  EXPECT_EQ(path->sandbox, "cl-0q3v");
  EXPECT_EQ(path->path, "/tmp/a:b");
  EXPECT_EQ(parse_remote_path("0q3v:notes.txt")->path, "notes.txt");
  EXPECT_EQ(parse_remote_path("cl-0q3v:")->path, "");
}

TEST(ParseRemotePath, LeavesLocalPathsAlone) {
  for (const char* text : {"", "-", "file", "./a:b", "/a:b", ":x", "a.b:c", "dir/cl-0:x"}) {
    EXPECT_FALSE(parse_remote_path(text).has_value()) << text;
  }
}

TEST(CompletePath, PutsAFileIntoADirectory) {
  EXPECT_EQ(complete_path("/tmp/", "a"), "/tmp/a");
  EXPECT_EQ(complete_path("/tmp/b", "a"), "/tmp/b");
  EXPECT_EQ(complete_path("", "a"), "a");
}

TEST(BaseName, IsTheLastPart) {
  EXPECT_EQ(base_name("/a/b"), "b");
  EXPECT_EQ(base_name("a/b/"), "b");
  EXPECT_EQ(base_name("b"), "b");
  EXPECT_EQ(base_name("/"), "");
}

}  // namespace
}  // namespace wrenn::cli
