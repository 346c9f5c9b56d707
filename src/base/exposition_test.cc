#include "base/exposition.h"

#include <cmath>

#include <gtest/gtest.h>

namespace wrenn::base {
namespace {

TEST(Exposition, WritesFamiliesAndSamples) {
  Exposition out;
  out.begin(MetricKind::kCounter, "wrenn_things_total", "Things that were made.");
  out.sample({{"kind", "good"}, {"state", "new"}}, std::uint64_t{7});
  out.sample({{"kind", "bad"}, {"state", "new"}}, std::uint64_t{0});
  out.single(MetricKind::kGauge, "wrenn_load", "How busy it is.", 0.25);
  EXPECT_EQ(out.take(),
            "# HELP wrenn_things_total Things that were made.\n"
            "# TYPE wrenn_things_total counter\n"
            "wrenn_things_total{kind=\"good\",state=\"new\"} 7\n"
            "wrenn_things_total{kind=\"bad\",state=\"new\"} 0\n"
            "# HELP wrenn_load How busy it is.\n"
            "# TYPE wrenn_load gauge\n"
            "wrenn_load 0.25\n");
  EXPECT_EQ(out.take(), "");
}

TEST(Exposition, EscapesWhatOthersChose) {
  Exposition out;
  out.begin(MetricKind::kGauge, "wrenn_hosts", "A \"host\" is\na \\machine.");
  out.sample({{"name", "a\"b\\c\nd\xff"}}, 1);
  out.sample({{"name", "gr\xc3\xbc\xc3\x9f"}}, 1);
  EXPECT_EQ(out.take(),
            "# HELP wrenn_hosts A \"host\" is\\na \\\\machine.\n"
            "# TYPE wrenn_hosts gauge\n"
            "wrenn_hosts{name=\"a\\\"b\\\\c\\nd?\"} 1\n"
            "wrenn_hosts{name=\"gr\xc3\xbc\xc3\x9f\"} 1\n");
}

TEST(Exposition, WritesNumbersThatAreNone) {
  Exposition out;
  out.begin(MetricKind::kGauge, "wrenn_odd", "Odd ones.");
  out.sample({}, std::nan(""));
  out.sample({}, -HUGE_VAL);
  const std::string text = out.take();
  EXPECT_TRUE(text.ends_with("wrenn_odd NaN\nwrenn_odd -Inf\n")) << text;
}

TEST(Exposition, WritesHistogramsInSeconds) {
  static constexpr std::array<Duration, 2> kBounds = {std::chrono::milliseconds(5),
                                                      std::chrono::seconds(1)};
  DurationHistogram histogram(kBounds);
  histogram.observe(std::chrono::milliseconds(5));
  histogram.observe(std::chrono::milliseconds(500));
  histogram.observe(std::chrono::milliseconds(2500));
  Exposition out;
  out.begin(MetricKind::kHistogram, "wrenn_call_duration_seconds", "How long it took.");
  out.sample({{"route", "/v1/{}"}}, histogram);
  EXPECT_EQ(out.take(),
            "# HELP wrenn_call_duration_seconds How long it took.\n"
            "# TYPE wrenn_call_duration_seconds histogram\n"
            "wrenn_call_duration_seconds_bucket{route=\"/v1/{}\",le=\"0.005\"} 1\n"
            "wrenn_call_duration_seconds_bucket{route=\"/v1/{}\",le=\"1\"} 2\n"
            "wrenn_call_duration_seconds_bucket{route=\"/v1/{}\",le=\"+Inf\"} 3\n"
            "wrenn_call_duration_seconds_sum{route=\"/v1/{}\"} 3.005\n"
            "wrenn_call_duration_seconds_count{route=\"/v1/{}\"} 3\n");
}

TEST(Exposition, LeavesOutWhatTheFormatForbids) {
  const DurationHistogram histogram(kCallBounds);
  Exposition out;
  out.begin(MetricKind::kGauge, "9lives", "Begins with a digit.");
  out.sample({}, 1);
  out.begin(MetricKind::kGauge, "", "Has no name.");
  out.sample({}, 1);
  EXPECT_EQ(out.take(), "");
  out.begin(MetricKind::kGauge, "wrenn_a", "A.");
  out.sample({{"le", "1"}}, 1);
  out.sample({{"__name", "1"}}, 1);
  out.sample({{"a-b", "1"}}, 1);
  out.sample({}, histogram);
  out.begin(MetricKind::kHistogram, "wrenn_b", "B.");
  out.sample({}, 1);
  out.begin(MetricKind::kGauge, "wrenn_a", "A second time.");
  out.sample({}, 1);
  EXPECT_EQ(
      out.take(),
      "# HELP wrenn_a A.\n# TYPE wrenn_a gauge\n# HELP wrenn_b B.\n# TYPE wrenn_b histogram\n");
}

}  // namespace
}  // namespace wrenn::base
