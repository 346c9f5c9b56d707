// What a team is told of its use, over HTTP.
#include <gtest/gtest.h>

#include "control/test_world.h"

namespace wrenn::control {
namespace {

using net::Task;

Task<void> check_stats(World& world) {
  const std::string path = co_await world.new_sandbox();
  Got got = co_await world.call("GET", "/v1/capsules/stats?range=5m");
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_TRUE(got.has(R"("range":"5m")"));
  EXPECT_TRUE(
      got.has(R"("current":{"running_count":1,"vcpus_reserved":1,"memory_mb_reserved":512})"))
      << got.body;
  EXPECT_TRUE(got.has(R"("peaks":{"running_count":1,"vcpus":1,"memory_mb":512})")) << got.body;
  EXPECT_TRUE(got.has(R"("running":[0,0,)") && got.has("0,1]")) << got.body;
  EXPECT_EQ((co_await world.call("POST", path + "/pause")).status, 200);
  got = co_await world.call("GET", "/v1/capsules/stats");
  EXPECT_TRUE(
      got.has(R"("current":{"running_count":0,"vcpus_reserved":0,"memory_mb_reserved":256})"))
      << got.body;
  EXPECT_EQ((co_await world.call("GET", "/v1/capsules/stats?range=7m")).status, 400);
}

TEST(ApiUsageTest, StatsSayWhatRuns) {
  World().run(check_stats);
}

Task<void> check_usage(World& world) {
  EXPECT_TRUE((co_await world.call("GET", "/v1/capsules/usage")).has(R"("points":[])"));
  const std::string path = co_await world.new_sandbox();
  (void)co_await net::sleep_for(std::chrono::milliseconds(20));
  const Got got = co_await world.call("GET", "/v1/capsules/usage");
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_TRUE(got.has(R"("points":[{"date":")") && got.has(R"("cpu_minutes":)")) << got.body;
  EXPECT_TRUE((co_await world.call("GET", "/v1/capsules/usage?from=2026-01-01&to=2026-01-31"))
                  .has(R"({"from":"2026-01-01","to":"2026-01-31","points":[]})"));
  EXPECT_EQ((co_await world.call("GET", "/v1/capsules/usage?from=x")).status, 400);
}

TEST(ApiUsageTest, UsageIsByDay) {
  World().run(check_usage);
}

}  // namespace
}  // namespace wrenn::control
