#include "cli/escape.h"

#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

// What is passed on, piece by piece, and "LEFT" where it leaves.
std::string type(std::initializer_list<std::string_view> pieces) {
  EscapeFilter filter;
  std::string all;
  for (const auto piece : pieces) {
    const auto typed = filter.feed(piece);
    all += typed.bytes;
    if (typed.leaves) return all + "LEFT";
  }
  return all;
}

TEST(EscapeTest, LeavesAtTheBeginningOfALineOnly) {
  EXPECT_EQ(type({"~."}), "LEFT");
  EXPECT_EQ(type({"ls\r~.rest"}), "ls\rLEFT");
  EXPECT_EQ(type({"a", "\n", "~", "."}), "a\nLEFT");
  EXPECT_EQ(type({"cd ~.\r"}), "cd ~.\r");
  EXPECT_EQ(type({"x~", ".\r"}), "x~.\r");
}

TEST(EscapeTest, OtherTildesArePassedOn) {
  EXPECT_EQ(type({"~~.\r"}), "~.\r");
  EXPECT_EQ(type({"~/bin\r"}), "~/bin\r");
  EXPECT_EQ(type({"~", "\r", "~", "x"}), "~\r~x");
  EXPECT_EQ(type({"~\r~."}), "~\rLEFT");
}

}  // namespace
}  // namespace wrenn::cli
