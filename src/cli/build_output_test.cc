#include "cli/build_output.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::cli {
namespace {

using Stream = OutputLines::Stream;
using Lines = std::vector<std::string>;

TEST(ShownLine, MovesNoCursor) {
  EXPECT_EQ(shown_line("plain häuser"), "plain häuser");
  EXPECT_EQ(shown_line("\x1b[1;31mred\x1b[0m and \x1b[2Jgone"), "red and gone");
  EXPECT_EQ(shown_line("\x1b]0;title\a"
                       "a\x1b]8;;http://x\x1b\\b\x1b(Bc\x1b"
                       "7d"),
            "abcd");
  EXPECT_EQ(shown_line("cut \x1b[31"), "cut ");
  EXPECT_EQ(shown_line("cut \x1b]0;never ends"), "cut ");
  EXPECT_EQ(shown_line("end\x1b"), "end");
  EXPECT_EQ(shown_line("bell\a back\b c1\xc2\x9b"
                       "2J"),
            "bell? back? c1?2J");
}

TEST(ShownLine, IsWhatStandsThereAtLast) {
  EXPECT_EQ(shown_line("10%\r50%\r100%"), "100%");
  EXPECT_EQ(shown_line("100%\r\r"), "100%");
  EXPECT_EQ(shown_line("a\tb"), "a       b");
  EXPECT_EQ(shown_line("12345678\tb"), "12345678        b");
}

TEST(OutputLines, PutsPiecesTogether) {
  OutputLines output;
  EXPECT_TRUE(output.empty());
  EXPECT_EQ(output.feed(Stream::kStdout, "one\ntw"), (Lines{"one"}));
  EXPECT_EQ(output.feed(Stream::kStderr, "warning\n"), (Lines{"warning"}));
  EXPECT_EQ(output.last(), (Lines{"one", "warning", "tw"}));
  EXPECT_EQ(output.feed(Stream::kStdout, "o\n\nthree"), (Lines{"two", ""}));
  EXPECT_EQ(output.finish(), (Lines{"three"}));
  EXPECT_EQ(output.finish(), Lines{});
  EXPECT_EQ(output.last(), (Lines{"one", "warning", "two", "", "three"}));
}

TEST(OutputLines, KeepsTheLastOnesAndBreaksWhatHasNoEnd) {
  OutputLines output;
  for (int i = 0; i < 30; ++i) output.feed(Stream::kStdout, base::concat(i, "\n"));
  output.feed(Stream::kStdout, "begun");
  EXPECT_EQ(output.last().size(), OutputLines::kKept);
  EXPECT_EQ(output.last().front(), "11");
  EXPECT_EQ(output.last().back(), "begun");
  const std::string umlauts = [] {
    std::string text = "x";
    while (text.size() < 3 * OutputLines::kMaxLine) text += "ä";
    return text;
  }();
  const std::string cut = output.feed(Stream::kStdout, umlauts).front();
  EXPECT_LE(cut.size(), OutputLines::kMaxLine);
  EXPECT_TRUE(base::is_valid_utf8(cut));
  EXPECT_TRUE(cut.starts_with("begunxä"));
}

}  // namespace
}  // namespace wrenn::cli
