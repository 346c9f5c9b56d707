#include "envd/files/byte_range.h"

#include <gtest/gtest.h>

namespace wrenn::envd {
namespace {

using Kind = RangeChoice::Kind;

TEST(ByteRange, Parts) {
  struct Case {
    const char* field;
    std::uint64_t offset;
    std::uint64_t length;
  };
  for (const Case& c :
       {Case{"bytes=0-0", 0, 1}, Case{"bytes=2-5", 2, 4}, Case{"bytes=7-", 7, 3},
        Case{"bytes=-3", 7, 3}, Case{"bytes=-99", 0, 10}, Case{"BYTES=0-99", 0, 10},
        Case{"bytes= 1-1 ", 1, 1}, Case{"bytes=9-99999999999999999999999999", 9, 1}}) {
    const RangeChoice choice = choose_range(c.field, 10);
    EXPECT_EQ(choice.kind, Kind::kPart) << c.field;
    EXPECT_EQ(choice.offset, c.offset) << c.field;
    EXPECT_EQ(choice.length, c.length) << c.field;
  }
}

TEST(ByteRange, WholeFileForWhatIsNoSingleRange) {
  for (const char* field :
       {"", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "items=0-1", "bytes=0-1,4-5",
        "bytes=1", "bytes=+1-2", "bytes=0x1-2", "bytes=1-2-3", "bytes=--1"}) {
    EXPECT_EQ(choose_range(field, 10).kind, Kind::kWhole) << field;
  }
  EXPECT_EQ(choose_range("bytes=0-", 0).kind, Kind::kWhole);
}

TEST(ByteRange, Unsatisfiable) {
  for (const char* field :
       {"bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999999999-"}) {
    EXPECT_EQ(choose_range(field, 10).kind, Kind::kUnsatisfiable) << field;
  }
}

}  // namespace
}  // namespace wrenn::envd
