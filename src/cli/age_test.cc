#include "cli/age.h"

#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

TEST(ParseRfc3339, ReadsWhatTheApiWrites) {
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_rfc3339("2026-01-31T12:00:00Z"), 1769860800000);
  EXPECT_EQ(parse_rfc3339("2026-01-31T12:00:00.250Z"), 1769860800250);
  EXPECT_EQ(parse_rfc3339("2026-01-31T12:00:00.123456789Z"), 1769860800123);
  EXPECT_EQ(parse_rfc3339("2026-01-31T14:30:00+02:30"), 1769860800000);
  EXPECT_EQ(parse_rfc3339("2026-01-31T07:00:00-05:00"), 1769860800000);
}

TEST(ParseRfc3339, RefusesEverythingElse) {
  for (const char* text : {"", "yesterday", "2026-01-31", "2026-02-30T12:00:00Z",
                           "2026-01-31T24:00:00Z", "2026-01-31T12:00:00", "2026-01-31T12:00:00+2",
                           "2026-01-31T12:00:00Zz", "2026-1-31T12:00:00Z"}) {
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
  }
}

TEST(HumanAge, UsesOneUnit) {
  EXPECT_EQ(human_age(-5000), "0s");
  EXPECT_EQ(human_age(4'200), "4s");
  EXPECT_EQ(human_age(150'000), "2m");
  EXPECT_EQ(human_age(3 * 3'600'000), "3h");
  EXPECT_EQ(human_age(5 * 86'400'000ll), "5d");
}

TEST(HumanDuration, UsesTwoUnitsAtMost) {
  EXPECT_EQ(human_duration(-5), "0.0 s");
  EXPECT_EQ(human_duration(1'240), "1.2 s");
  EXPECT_EQ(human_duration(59'940), "59.9 s");
  EXPECT_EQ(human_duration(59'960), "1m 0s");
  EXPECT_EQ(human_duration(125'000), "2m 5s");
  EXPECT_EQ(human_duration(3'720'000), "1h 2m");
}

}  // namespace
}  // namespace wrenn::cli
