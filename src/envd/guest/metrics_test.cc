#include "envd/guest/metrics.h"

#include <gtest/gtest.h>

namespace wrenn::envd {
namespace {

TEST(Metrics, CpuTimes) {
  const auto times = parse_cpu_times(
      "cpu  10 1 20 100 9 0 2 3 50 50\ncpu0 5 1 10 50 5 0 1 1 0 0\ncpu1 5 0 10 50 4 0 1 2 0 0\n"
      "intr 12345\n");
  ASSERT_TRUE(times);
  EXPECT_EQ(times->total, 145U);  // Time of guests is part of the user's already.
  EXPECT_EQ(times->idle, 109U);
  EXPECT_EQ(times->count, 2U);
  EXPECT_FALSE(parse_cpu_times(""));
  EXPECT_FALSE(parse_cpu_times("cpu  1 2\ncpu0 1 2\n"));
}

TEST(Metrics, Share) {
  EXPECT_EQ(busy_share({.total = 100, .idle = 50}, {.total = 200, .idle = 125}), 2500U);
  EXPECT_EQ(busy_share({.total = 100, .idle = 50}, {.total = 100, .idle = 50}), 0U);
  EXPECT_EQ(busy_share({.total = 100, .idle = 50}, {.total = 200, .idle = 40}), 10'000U);
  EXPECT_EQ(busy_share({.total = 100, .idle = 50}, {.total = 110, .idle = 99}), 0U);
}

TEST(Metrics, Memory) {
  const auto memory = parse_memory(
      "MemTotal:        1000 kB\nMemFree:  100 kB\nMemAvailable:  600 kB\nCached: 300 kB\n");
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->total, 1'024'000U);
  EXPECT_EQ(memory->available, 614'400U);
  EXPECT_EQ(memory->cached, 307'200U);
  EXPECT_FALSE(parse_memory("nonsense"));
  EXPECT_FALSE(parse_memory("MemTotal: 1 kB\nMemAvailable: 2 kB\n"));
}

}  // namespace
}  // namespace wrenn::envd
