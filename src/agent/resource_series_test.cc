#include "agent/resource_series.h"

#include <gtest/gtest.h>

namespace wrenn::agent {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

ResourcePoint at(std::int64_t sec, double cpu = 0, std::uint64_t bytes = 0) {
  return {.unix_sec = sec,
          .cpu_pct = cpu,
          .mem_bytes = bytes,
          .disk_bytes = bytes,
          .net_rx_bytes = bytes,
          .net_tx_bytes = bytes};
}

TEST(ResourceSeries, TheLastMinutesAreFine) {
  ResourceSeries series;
  EXPECT_TRUE(series.is_empty());
  EXPECT_TRUE(series.points(minutes(10), 1000).empty());
  for (int sec = 5; sec <= 1000; sec += 5) series.add(at(sec));
  EXPECT_EQ(series.last().unix_sec, 1000);
  EXPECT_EQ(series.points(minutes(10), 1000).size(), 120u);
  EXPECT_EQ(series.points(minutes(5), 1000).size(), 60u);
  EXPECT_EQ(series.points(minutes(5), 1000).front().unix_sec, 705);
  EXPECT_TRUE(series.points(minutes(10), 5000).empty()) << "it was paused since";
}

TEST(ResourceSeries, HoursAreCoarse) {
  ResourceSeries series;
  const int day = 24 * 3600;
  for (int sec = 5; sec <= 2 * day; sec += 5) series.add(at(sec));
  // With the step that goes on.
  EXPECT_EQ(series.points(hours(2), 2 * day).size(), 121u);
  EXPECT_EQ(series.points(hours(1), 2 * day).size(), 61u);
  EXPECT_EQ(series.points(hours(24), 2 * day).size(), 289u);
  EXPECT_LE(series.points(hours(1000), 2 * day).size(), 289u);
}

TEST(ResourceSeries, AStepIsTheMeanOfWhatVariesAndTheEndOfWhatGrows) {
  ResourceSeries series;
  series.add(at(60, 10, 100));
  series.add(at(65, 30, 300));
  series.add(at(120, 90, 900));
  const auto points = series.points(hours(1), 120);
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0], (ResourcePoint{65, 20, 200, 300, 300, 300}));
  EXPECT_EQ(points[1], at(120, 90, 900)) << "the step that goes on is there, too";
}

TEST(ResourceSeries, TimeGoesOneWay) {
  ResourceSeries series;
  series.add(at(10, 1));
  series.add(at(10, 2));
  series.add(at(9, 3));
  ASSERT_EQ(series.points(minutes(5), 10).size(), 1u);
  EXPECT_EQ(series.last().cpu_pct, 1);
}

}  // namespace
}  // namespace wrenn::agent
