#include "cli/table.h"

#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

TEST(Table, AlignsCharactersNotBytes) {
  Table table({"NAME", "N", "X"});
  table.align_right(1);
  table.add({"häuser", "1", ""});
  table.add({"a", "100", "y"});
  EXPECT_EQ(table.render(Paint()),
            "NAME      N  X\n"
            "häuser    1\n"
            "a       100  y\n");
}

TEST(Table, ShowsNoControlCharacters) {
  Table table({"A"});
  table.add({"x\x1b[2J\n"});
  EXPECT_EQ(table.render(Paint()), "A\nx?[2J?\n");
}

}  // namespace
}  // namespace wrenn::cli
