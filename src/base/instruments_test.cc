#include "base/instruments.h"

#include <algorithm>
#include <thread>

#include <gtest/gtest.h>

namespace wrenn::base {
namespace {

using std::chrono::milliseconds;

TEST(Instruments, CountAcrossThreads) {
  Counter counter;
  Gauge gauge;
  DurationHistogram histogram(kCallBounds);
  constexpr int kThreads = 4;
  constexpr int kTimes = 10'000;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int n = 0; n < kTimes; ++n) {
          counter.add();
          gauge.add(n % 2 == 0 ? 1 : -1);
          histogram.observe(milliseconds(n % 20));
        }
      });
    }
  }
  EXPECT_EQ(counter.value(), std::uint64_t{kThreads} * kTimes);
  EXPECT_EQ(gauge.value(), 0);
  EXPECT_EQ(histogram.snapshot().count(), std::uint64_t{kThreads} * kTimes);
}

TEST(Instruments, ABucketHoldsWhatIsAtMostItsBound) {
  DurationHistogram histogram(kOperationBounds);
  histogram.observe(milliseconds(10));
  histogram.observe(milliseconds(11));
  histogram.observe(std::chrono::hours(1));
  histogram.observe(milliseconds(-5));
  const auto seen = histogram.snapshot();
  ASSERT_EQ(seen.cumulative.size(), kOperationBounds.size() + 1);
  EXPECT_EQ(seen.cumulative[0], 2u);
  EXPECT_EQ(seen.cumulative[1], 3u);
  EXPECT_EQ(seen.cumulative[kOperationBounds.size() - 1], 3u);
  EXPECT_EQ(seen.count(), 4u);
  EXPECT_DOUBLE_EQ(seen.sum_seconds, 3600.021);
}

TEST(Instruments, BoundsGrow) {
  EXPECT_TRUE(std::ranges::is_sorted(kCallBounds));
  EXPECT_TRUE(std::ranges::is_sorted(kOperationBounds));
}

TEST(Instruments, CountedCountsAsLongAsItLives) {
  Gauge gauge;
  {
    const Counted one(gauge);
    const Counted other(gauge);
    EXPECT_EQ(gauge.value(), 2);
  }
  EXPECT_EQ(gauge.value(), 0);
}

TEST(Instruments, StatusesCountByClass) {
  StatusCounters counters;
  for (const int status : {0, 99, 101, 200, 204, 404, 599, 600, -1}) counters.add(status);
  EXPECT_EQ(counters.value(0), 4u);
  EXPECT_EQ(counters.value(1), 1u);
  EXPECT_EQ(counters.value(2), 2u);
  EXPECT_EQ(counters.value(3), 0u);
  EXPECT_EQ(counters.value(4), 1u);
  EXPECT_EQ(counters.value(5), 1u);
}

}  // namespace
}  // namespace wrenn::base
