#include "base/operation_stats.h"

#include <gtest/gtest.h>

namespace wrenn::base {
namespace {

using std::chrono::milliseconds;

TEST(OperationStats, OnlySuccessIsTimed) {
  OperationStats stats;
  stats.record(OperationResult::kOk, milliseconds(20));
  stats.record(result_of(Error(Code::kInvalidArgument, "")), milliseconds(1));
  stats.record(result_of(Error(Code::kUnavailable, "")), milliseconds(1));
  stats.record(result_of(Error(Code::kInternal, "")), milliseconds(1));
  EXPECT_EQ(stats.value(OperationResult::kOk), 1u);
  EXPECT_EQ(stats.value(OperationResult::kRefused), 1u);
  EXPECT_EQ(stats.value(OperationResult::kFailed), 2u);
  EXPECT_EQ(stats.took().snapshot().count(), 1u);
}

TEST(OperationStats, AreWrittenUnderTheirNames) {
  static constexpr std::array<std::string_view, 2> kNames = {"create", "pause"};
  std::array<OperationStats, 2> stats;
  stats[1].record(OperationResult::kOk, milliseconds(20));
  Exposition out;
  write_operations(out, "wrenn_sandbox", kNames, stats);
  const std::string text = out.take();
  for (const char* line :
       {"wrenn_sandbox_operations_total{operation=\"create\",result=\"failed\"} 0\n",
        "wrenn_sandbox_operations_total{operation=\"pause\",result=\"ok\"} 1\n",
        "wrenn_sandbox_operation_duration_seconds_count{operation=\"create\"} 0\n",
        "wrenn_sandbox_operation_duration_seconds_sum{operation=\"pause\"} 0.02\n"}) {
    EXPECT_TRUE(text.contains(line)) << line << text;
  }
}

}  // namespace
}  // namespace wrenn::base
