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
  // The control characters of Latin-1, which some terminals obey; not the letters beside them.
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J \xc2\xa0\xc3\xa4"),
            "?2J \xc2\xa0\xc3\xa4");
}

TEST(Table, ShortensCharactersNotBytes) {
  EXPECT_EQ(shortened("häuser", 6), "häuser");
  EXPECT_EQ(shortened("häuser", 4), "häu…");
}

}  // namespace
}  // namespace wrenn::cli
