#include "envd/guest_path.h"

#include <gtest/gtest.h>

namespace wrenn::envd {
namespace {

std::string resolve(std::string_view text) {
  const auto path = resolve_path(text, "/home/user", "/srv");
  return path ? path->native() : "refused";
}

TEST(GuestPath, EveryForm) {
  EXPECT_EQ(resolve("/a/b"), "/a/b");
  EXPECT_EQ(resolve("/a//b/../c/"), "/a/c");
  EXPECT_EQ(resolve("x/y"), "/srv/x/y");
  EXPECT_EQ(resolve("./~x"), "/srv/~x");
  EXPECT_EQ(resolve(""), "/srv");
  EXPECT_EQ(resolve("~"), "/home/user");
  EXPECT_EQ(resolve("~/z"), "/home/user/z");
  EXPECT_EQ(resolve("/"), "/");
  EXPECT_EQ(resolve("//"), "/");
  EXPECT_EQ(resolve("//a"), "/a");
  EXPECT_EQ(resolve("~//z/."), "/home/user/z");
  EXPECT_EQ(resolve("a..b/...//"), "/srv/a..b/...");
  EXPECT_EQ(resolve("/../../etc"), "/etc");
  EXPECT_EQ(resolve("../.."), "/");
}

TEST(GuestPath, Refused) {
  EXPECT_EQ(resolve("~root/x"), "refused");
  EXPECT_EQ(resolve(std::string_view("a\0b", 3)), "refused");
  EXPECT_EQ(resolve(std::string(10'000, 'a')), "refused");
}

}  // namespace
}  // namespace wrenn::envd
