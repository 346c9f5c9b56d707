// What the control plane tells of itself.
#include <gtest/gtest.h>

#include "control/metrics_report.h"
#include "control/test_world.h"

namespace wrenn::control {
namespace {

using net::Task;

// The text of all figures.
Task<std::string> report_of(World& world) {
  const proxy::ProxyStats proxy;
  MetricsReport report(world.services, world.api, world.database, proxy);
  co_return co_await report.metrics();
}

void expect_lines(const std::string& text, const std::vector<std::string>& lines) {
  for (const auto& line : lines) EXPECT_TRUE(text.contains(line + "\n")) << line << "\n" << text;
}

Task<void> count_requests(World& world) {
  const std::string path = co_await world.new_sandbox();
  EXPECT_EQ((co_await world.call("GET", path)).status, 200);
  EXPECT_EQ((co_await world.call("GET", path)).status, 200);
  EXPECT_EQ((co_await world.call("GET", path + "x")).status, 400);
  EXPECT_EQ((co_await world.call("GET", "/v1/secret-path")).status, 404);
  EXPECT_EQ((co_await world.call("POST", path + "/pause")).status, 200);
  EXPECT_EQ((co_await world.call("POST", path + "/resume")).status, 200);
  EXPECT_EQ((co_await world.call("POST", path + "/pause")).status, 200);
  const std::string text = co_await report_of(world);
  const std::string get = "method=\"GET\",route=\"/v1/capsules/{}\"";
  expect_lines(text,
               {base::concat("wrenn_http_requests_total{", get, ",status=\"2xx\"} 2"),
                base::concat("wrenn_http_requests_total{", get, ",status=\"4xx\"} 1"),
                base::concat("wrenn_http_request_duration_seconds_count{", get, "} 3"),
                "wrenn_http_requests_total{method=\"other\",route=\"other\",status=\"4xx\"} 1",
                "wrenn_sandboxes{state=\"paused\"} 1", "wrenn_sandboxes{state=\"running\"} 0",
                "wrenn_hosts{status=\"offline\"} 0", "wrenn_database_up 1",
                "wrenn_sandbox_operations_total{operation=\"create\",result=\"ok\"} 1",
                "wrenn_sandbox_operations_total{operation=\"pause\",result=\"ok\"} 2",
                "wrenn_sandbox_operations_total{operation=\"resume\",result=\"ok\"} 1",
                "wrenn_sandbox_operation_duration_seconds_count{operation=\"pause\"} 2",
                "wrenn_pool_queued_jobs{pool=\"database\"} 0", "wrenn_proxy_open_requests 0"});
  // No address that somebody asked for, and no id.
  EXPECT_FALSE(text.contains("secret-path"));
  EXPECT_FALSE(text.contains("cl-"));
}

Task<void> count_a_failure(World& world) {
  EXPECT_EQ((co_await world.call("POST", "/v1/capsules", "{}")).status, 503);
  expect_lines(co_await report_of(world),
               {"wrenn_sandbox_operations_total{operation=\"create\",result=\"failed\"} 1",
                "wrenn_sandbox_operation_duration_seconds_count{operation=\"create\"} 0"});
}

Task<void> go_without_a_table(World& world) {
  EXPECT_TRUE(world.database.write().execute_script("ALTER TABLE hosts RENAME TO elsewhere"));
  const std::string text = co_await report_of(world);
  expect_lines(text, {"wrenn_database_up 0"});
  EXPECT_TRUE(text.contains("wrenn_database_errors_total{access=\"read\",code="));
  EXPECT_FALSE(text.contains("wrenn_hosts"));
}

TEST(ApiMetricsReport, CountsRequestsAndOperations) {
  World().run(count_requests);
}
TEST(ApiMetricsReport, CountsWhatFails) {
  World().run(count_a_failure, World::Agent::kAway);
}
TEST(ApiMetricsReport, SaysThatTheDatabaseFails) {
  World().run(go_without_a_table);
}

}  // namespace
}  // namespace wrenn::control
