#include "base/rfc3339.h"

#include <gtest/gtest.h>

namespace wrenn::base {
namespace {

TEST(Rfc3339, Times) {
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_rfc3339("2026-01-31T12:00:00.25Z"), 1'769'860'800'250'000'000);
  EXPECT_EQ(parse_rfc3339("2026-01-31T14:00:00.25+02:00"), 1'769'860'800'250'000'000);
  EXPECT_EQ(parse_rfc3339("2026-01-31T12:00:00.123456789Z"), 1'769'860'800'123'456'789);
}

TEST(Rfc3339, WhatIsNone) {
  for (const char* text : {"", "2026", "2026-02-30T00:00:00Z", "2026-01-31T25:00:00Z",
                           "2026-01-31T12:00:00", "2026-01-31T12:00:00Zx", "9999-01-01T00:00:00Z",
                           "2026-01-31T12:00:00+0200", "-026-01-31T12:00:00Z"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Rfc3339, AsText) {
  EXPECT_EQ(format_rfc3339(0, 0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_rfc3339(1'769'860'800, 250'000'000), "2026-01-31T12:00:00.250Z");
  EXPECT_EQ(format_rfc3339(1'769'860'800, 123'456'789), "2026-01-31T12:00:00.123456789Z");
  EXPECT_EQ(format_rfc3339(-1, 1'000), "1969-12-31T23:59:59.000001Z");
  EXPECT_EQ(format_rfc3339(-62'135'596'800, 0), "0001-01-01T00:00:00Z");
}

}  // namespace
}  // namespace wrenn::base
