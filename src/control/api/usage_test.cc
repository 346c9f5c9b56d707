#include "control/api/usage.h"

#include <gtest/gtest.h>

namespace wrenn::control {
namespace {

using namespace std::chrono;

constexpr sys_days kToday = sys_days(year(2026) / March / 10);

TEST(Usage, DatesAreReadStrictly) {
  EXPECT_EQ(parse_date("2026-03-10").value(), kToday);
  EXPECT_EQ(parse_date("2024-02-29").value(), sys_days(year(2024) / February / 29));
  for (const char* text : {"", "2026-3-10", "2026-02-29", "2026-13-01", "2026-00-01", "1969-12-31",
                           "2026-03-10T", "2026/03/10", "-026-03-10", "2026-03-1x"}) {
    EXPECT_FALSE(parse_date(text)) << text;
  }
}

TEST(Usage, ThirtyDaysUnlessGiven) {
  const auto usual = parse_dates("", kToday);
  ASSERT_TRUE(usual);
  EXPECT_EQ(usual->to, kToday);
  EXPECT_EQ(usual->from, kToday - days(29));
  const auto up_to = parse_dates("to=2026-01-31", kToday);
  EXPECT_EQ(up_to->from, sys_days(year(2026) / January / 2));
  const auto given = parse_dates("from=2026-01-01&to=2026-01-01", kToday);
  ASSERT_TRUE(given);
  EXPECT_EQ(given->from, given->to);
  EXPECT_TRUE(parse_dates("from=2026-01-01&to=2026-04-02", kToday));
  EXPECT_FALSE(parse_dates("from=2026-01-01&to=2026-04-03", kToday)) << "93 days";
  EXPECT_FALSE(parse_dates("from=2026-01-02&to=2026-01-01", kToday));
  EXPECT_FALSE(parse_dates("from=yesterday", kToday));
}

}  // namespace
}  // namespace wrenn::control
