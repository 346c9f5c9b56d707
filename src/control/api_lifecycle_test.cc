// Pause, resume, fork, snapshots and timeouts over HTTP, with a real database and a test agent.
#include <gtest/gtest.h>

#include "base/id.h"
#include "control/test_world.h"

namespace wrenn::control {
namespace {

using base::concat;
using db::SandboxState;
using net::Task;

void expect_error(const Got& got, int status, std::string_view code) {
  EXPECT_EQ(got.status, status) << got.body;
  EXPECT_TRUE(got.has(concat("\"code\":\"", code, "\""))) << got.body;
}

SandboxState state_of(World& world, const std::string& path) {
  return world.sandboxes.get_any_team(World::id_in(path)).value().status;
}

Task<void> check_pause_and_resume(World& world) {
  const std::string path = co_await world.new_sandbox();
  const Got paused = co_await world.call("POST", path + "/pause", R"({"mode":"disk"})");
  EXPECT_EQ(paused.status, 200) << paused.body;
  EXPECT_TRUE(paused.has(R"("status":"paused")") && paused.has(R"("pause_mode":"disk")") &&
              paused.has("paused_at") && paused.has(R"("timings_ms":{"save":5})"))
      << paused.body;
  EXPECT_EQ((co_await world.call("POST", path + "/pause")).status, 200) << "twice is fine";
  EXPECT_EQ(world.agent.pauses, 1);
  expect_error(co_await world.call("POST", path + "/ping"), 409, "invalid_state");
  const Got resumed = co_await world.call("POST", path + "/resume");
  EXPECT_EQ(resumed.status, 200) << resumed.body;
  EXPECT_TRUE(resumed.has(R"("status":"running")") && !resumed.has("pause_mode")) << resumed.body;
  EXPECT_EQ((co_await world.call("POST", path + "/resume")).status, 200);
  EXPECT_EQ(world.agent.resumes, 1);
  expect_error(co_await world.call("POST", path + "/pause", R"({"mode":"half"})"), 400,
               "invalid_request");
  EXPECT_EQ((co_await world.call("DELETE", path)).status, 204);
  expect_error(co_await world.call("POST", path + "/pause"), 409, "invalid_state");
  expect_error(co_await world.call("POST", path + "/resume"), 409, "invalid_state");
}

TEST(ApiLifecycleTest, PauseAndResume) {
  World().run(check_pause_and_resume);
}

Task<void> call_into(World& world, std::string target, Got& got) {
  got = co_await world.call("POST", std::move(target));
}

Task<void> check_joins(World& world) {
  const std::string path = co_await world.new_sandbox();
  std::array<Got, 3> got;
  for (const auto* verb : {"/pause", "/resume"}) {
    world.agent.gate.close();
    net::TaskScope scope(world.loop);
    for (auto& one : got) scope.spawn(call_into(world, path + verb, one));
    EXPECT_TRUE(co_await world.agent.gate.reached());
    // Time for the others to come, too; no harm if they are late.
    (void)co_await net::sleep_for(std::chrono::milliseconds(50));
    world.agent.gate.open();
    co_await scope.join();
    for (const auto& one : got) EXPECT_EQ(one.status, 200) << verb << one.body;
  }
  EXPECT_EQ(world.agent.pauses, 1);
  EXPECT_EQ(world.agent.resumes, 1);
}

TEST(ApiLifecycleTest, WhoAsksForTheSameWaitsForIt) {
  World().run(check_joins);
}

Task<void> check_failures(World& world) {
  const std::string path = co_await world.new_sandbox();
  world.agent.changes_fail = true;
  expect_error(co_await world.call("POST", path + "/pause"), 503, "no_hosts_available");
  EXPECT_EQ(state_of(world, path), SandboxState::kRunning);
  world.agent.changes_fail = false;
  EXPECT_EQ((co_await world.call("POST", path + "/pause")).status, 200);
  world.agent.changes_fail = true;
  expect_error(co_await world.call("POST", path + "/resume"), 503, "no_hosts_available");
  EXPECT_EQ(state_of(world, path), SandboxState::kPaused);
  EXPECT_TRUE((co_await world.call("GET", path)).has(R"("pause_mode":"memory")"));
}

TEST(ApiLifecycleTest, WhatFailsLeavesTheStateBefore) {
  World().run(check_failures);
}

Task<void> check_auto_resume(World& world) {
  const std::string path = co_await world.new_sandbox();
  EXPECT_EQ((co_await world.call("POST", path + "/pause")).status, 200);
  EXPECT_EQ((co_await world.call("GET", path + "/processes")).status, 200);
  EXPECT_EQ(world.agent.resumes, 1);
  EXPECT_EQ(state_of(world, path), SandboxState::kRunning);

  const Got made = co_await world.call("POST", "/v1/capsules", R"({"auto_resume":false})");
  const std::string other = concat("/v1/capsules/", World::id_in(made.body));
  EXPECT_TRUE(made.has(R"("auto_resume":false)")) << made.body;
  EXPECT_EQ((co_await world.call("POST", other + "/pause")).status, 200);
  expect_error(co_await world.call("GET", other + "/processes"), 409, "invalid_state");
  EXPECT_EQ(world.agent.resumes, 1);
}

TEST(ApiLifecycleTest, CallsWakeAPausedSandbox) {
  World().run(check_auto_resume);
}

// The host pauses by itself, and the database knows a moment later.
Task<void> check_stale_row(World& world) {
  const std::string path = co_await world.new_sandbox();
  auto& info = world.agent.sandboxes.at(World::id_in(path));
  info.set_status("paused");
  EXPECT_EQ((co_await world.call("GET", path + "/processes")).status, 200);
  EXPECT_EQ(world.agent.resumes, 1);
  EXPECT_EQ(state_of(world, path), SandboxState::kRunning);

  info.set_status("paused");
  const std::string form =
      "--b\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\n/f\r\n"
      "--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nhello\r\n--b--\r\n";
  const auto headers = net::Headers().with("Content-Type", "multipart/form-data; boundary=b");
  EXPECT_EQ((co_await world.call("POST", path + "/files/write", form, headers)).status, 204);
  EXPECT_EQ(world.agent.resumes, 2);

  const Got made = co_await world.call("POST", "/v1/capsules", R"({"auto_resume":false})");
  const std::string other = concat("/v1/capsules/", World::id_in(made.body));
  world.agent.sandboxes.at(World::id_in(made.body)).set_status("paused");
  const Got refused = co_await world.call("GET", other + "/processes");
  expect_error(refused, 409, "invalid_state");
  EXPECT_TRUE(refused.has("is paused") && refused.has("/resume")) << refused.body;
  EXPECT_EQ(world.agent.resumes, 2);
}

TEST(ApiLifecycleTest, WhatTheHostPausedUnnoticedIsWoken) {
  World().run(check_stale_row);
}

// Rows that an earlier control plane left in the middle of a change.
Task<void> check_torn(World& world) {
  const std::string one = co_await world.new_sandbox();
  const std::string two = co_await world.new_sandbox();
  const std::string id1 = World::id_in(one);
  const std::string id2 = World::id_in(two);
  using enum SandboxState;
  EXPECT_TRUE(world.sandboxes.transition(id1, {kRunning}, kPausing).value());
  EXPECT_TRUE(world.sandboxes.transition(id2, {kRunning}, kPausing).value());
  world.agent.sandboxes.at(id2).set_status("paused");
  world.agent.sandboxes.at(id2).set_pause_mode("memory");
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_EQ(state_of(world, one), kRunning);
  EXPECT_EQ(state_of(world, two), kPaused);
  EXPECT_TRUE(world.sandboxes.transition(id2, {kPaused}, kResuming).value());
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_EQ(state_of(world, two), kPaused);
  EXPECT_EQ(world.agent.sandboxes.size(), 2u);
}

TEST(ApiLifecycleTest, TornChangesAreSettledByTheHost) {
  World().run(check_torn);
}

Task<void> check_waiter(World& world) {
  const std::string path = co_await world.new_sandbox();
  const std::string id = World::id_in(path);
  EXPECT_EQ((co_await world.call("POST", path + "/pause")).status, 200);
  using enum SandboxState;
  EXPECT_TRUE(world.sandboxes.transition(id, {kPaused}, kResuming).value());
  Got got;
  net::TaskScope scope(world.loop);
  scope.spawn(call_into(world, path + "/resume", got));
  (void)co_await net::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(state_of(world, path), kResuming);
  EXPECT_TRUE(co_await world.reconciler.run_once());
  co_await scope.join();
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_EQ(state_of(world, path), kRunning);
}

TEST(ApiLifecycleTest, WhoWaitsForATornChangeDoesNotKeepItFromBeingSettled) {
  World().run(check_waiter);
}

Task<void> check_leaving_client(World& world) {
  const std::string path = co_await world.new_sandbox();
  world.agent.gate.close();
  Got got;
  net::TaskScope scope(world.loop);
  scope.spawn(call_into(world, path + "/pause", got));
  EXPECT_TRUE(co_await world.agent.gate.reached());
  scope.request_stop();
  co_await scope.join();
  EXPECT_EQ(got.status, 0) << "it has left";
  EXPECT_EQ(state_of(world, path), SandboxState::kPausing);
  world.agent.gate.open();
  EXPECT_TRUE(co_await eventually(
      [&world, &path] { return state_of(world, path) == SandboxState::kPaused; }));
}

TEST(ApiLifecycleTest, AChangeOutlivesItsClient) {
  World().run(check_leaving_client);
}

Task<void> check_timeouts(World& world) {
  const Got made = co_await world.call(
      "POST", "/v1/capsules", R"({"timeout_sec":60,"max_lifetime_sec":3600,"on_timeout":"kill"})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_TRUE(made.has(R"("timeout_sec":60)") && made.has(R"("max_lifetime_sec":3600)") &&
              made.has("end_at") && made.has(R"("on_timeout":"kill")"))
      << made.body;
  const auto& told = world.agent.last_create.lifecycle();
  EXPECT_EQ(told.timeout_sec(), 60);
  EXPECT_EQ(told.on_timeout(), "kill");
  EXPECT_NEAR(static_cast<double>(told.end_at_unix_ms() - base::unix_ms_now()), 3'600'000, 10'000);
  const std::string id = World::id_in(made.body);
  const std::string path = concat("/v1/capsules/", id);
  const Got changed = co_await world.call("PUT", path + "/timeout", R"({"timeout_sec":90})");
  EXPECT_EQ(changed.status, 200) << changed.body;
  EXPECT_TRUE(changed.has(R"("timeout_sec":90)") && changed.has(R"("max_lifetime_sec":3600)"));
  EXPECT_EQ(world.agent.sandboxes.at(id).lifecycle().timeout_sec(), 90);
  EXPECT_EQ(world.agent.sandboxes.at(id).lifecycle().on_timeout(), "kill");
  expect_error(co_await world.call("PUT", path + "/timeout", R"({"on_timeout":"sleep"})"), 400,
               "invalid_request");
  EXPECT_EQ((co_await world.call("POST", path + "/pause")).status, 200);
  const Got resumed = co_await world.call("POST", path + "/resume",
                                          R"({"on_timeout":"pause","max_lifetime_sec":0})");
  EXPECT_TRUE(resumed.has(R"("on_timeout":"pause")") && !resumed.has("end_at")) << resumed.body;
  EXPECT_EQ(world.agent.sandboxes.at(id).lifecycle().timeout_sec(), 90);
  EXPECT_EQ(world.agent.sandboxes.at(id).lifecycle().end_at_unix_ms(), 0);
}

TEST(ApiLifecycleTest, LifecyclesReachTheHost) {
  World().run(check_timeouts);
}

Task<void> check_metrics(World& world) {
  const std::string path = co_await world.new_sandbox();
  const Got got = co_await world.call("GET", path + "/metrics?range=1h");
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_EQ(got.body,
            concat(R"({"sandbox_id":")", World::id_in(path),
                   R"(","range":"1h","points":[{"timestamp_unix":1003600,"cpu_pct":1.235E1,)",
                   R"("mem_bytes":31457280,"disk_bytes":0,"net_rx_bytes":0,"net_tx_bytes":0}]})"));
  EXPECT_TRUE((co_await world.call("GET", path + "/metrics")).has(R"("range":"10m")"));
  const Got refused = co_await world.call("GET", path + "/metrics?range=3h");
  expect_error(refused, 400, "invalid_request");
  EXPECT_TRUE(refused.has("5m, 10m")) << refused.body;
  EXPECT_EQ((co_await world.call("POST", path + "/pause")).status, 200);
  EXPECT_EQ((co_await world.call("GET", path + "/metrics")).status, 200);
  EXPECT_EQ((co_await world.call("DELETE", path)).status, 204);
  expect_error(co_await world.call("GET", path + "/metrics"), 404, "not_found");
}

TEST(ApiLifecycleTest, WhatASandboxUses) {
  World().run(check_metrics);
}

Task<void> check_fork(World& world) {
  const std::string path = co_await world.new_sandbox();
  const Got got = co_await world.call("POST", path + "/fork", R"({"count":3})");
  EXPECT_EQ(got.status, 201) << got.body;
  EXPECT_TRUE(got.has(R"("source_stopped":9)")) << got.body;
  EXPECT_TRUE(got.has(R"("error":{"code":"no_hosts_available")")) << got.body;
  EXPECT_EQ(world.agent.sandboxes.size(), 3u) << "the source and two of three";
  EXPECT_EQ(state_of(world, path), SandboxState::kRunning);
  const Got listed = co_await world.call("GET", "/v1/capsules");
  std::size_t running = 0;
  for (auto at = listed.body.find("running"); at != std::string::npos;
       at = listed.body.find("running", at + 1)) {
    ++running;
  }
  EXPECT_EQ(running, 3u) << listed.body;
  world.agent.changes_fail = true;
  expect_error(co_await world.call("POST", path + "/fork"), 503, "no_hosts_available");
  expect_error(co_await world.call("POST", path + "/fork", R"({"count":101})"), 400,
               "invalid_request");
}

TEST(ApiLifecycleTest, ForksAreSandboxesOfTheirOwn) {
  World().run(check_fork);
}

Task<void> check_snapshots(World& world) {
  const std::string path = co_await world.new_sandbox();
  const std::string id = World::id_in(path);
  const std::string body = concat(R"({"sandbox_id":")", id, R"(","name":"mine"})");
  const Got made = co_await world.call("POST", "/v1/snapshots", body);
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_TRUE(made.has(R"("name":"mine")") && made.has(R"("type":"snapshot")") &&
              made.has(R"("size_bytes":4711)"))
      << made.body;
  expect_error(co_await world.call("POST", "/v1/snapshots", body), 409, "conflict");
  expect_error(co_await world.call("POST", "/v1/snapshots",
                                   concat(R"({"sandbox_id":")", id, R"(","name":"minimal"})")),
               409, "conflict");
  const Got all = co_await world.call("GET", "/v1/snapshots");
  EXPECT_TRUE(all.has("mine") && all.has("minimal")) << all.body;
  EXPECT_FALSE((co_await world.call("GET", "/v1/snapshots?type=base")).has("mine"));
  EXPECT_FALSE((co_await world.call("GET", "/v1/snapshots?type=snapshot")).has("minimal"));
  expect_error(co_await world.call("GET", "/v1/snapshots?type=other"), 400, "invalid_request");

  EXPECT_EQ((co_await world.call("POST", "/v1/capsules", R"({"template":"mine"})")).status, 201);
  const std::string on_host = world.agent.last_create.template_();
  EXPECT_TRUE(base::is_id(base::kTemplatePrefix, on_host)) << on_host;
  expect_error(co_await world.call("POST", "/v1/capsules", R"({"template":"mine","vcpus":2})"), 400,
               "invalid_request");
  expect_error(
      co_await world.call("POST", "/v1/capsules", concat(R"({"template":")", on_host, "\"}")), 404,
      "not_found");

  expect_error(co_await world.call("DELETE", "/v1/snapshots/minimal"), 403, "forbidden");
  EXPECT_EQ((co_await world.call("DELETE", "/v1/snapshots/mine")).status, 204);
  EXPECT_TRUE(world.agent.templates.empty());
  expect_error(co_await world.call("DELETE", "/v1/snapshots/mine"), 404, "not_found");
}

TEST(ApiLifecycleTest, SnapshotsAreTemplates) {
  World().run(check_snapshots);
}

Task<void> check_idempotency(World& world) {
  const auto key = net::Headers().with("Idempotency-Key", "one");
  const Got first = co_await world.call("POST", "/v1/capsules", "{}", key);
  const Got second = co_await world.call("POST", "/v1/capsules", "{}", key);
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(second.status, 201);
  EXPECT_EQ(World::id_in(first.body), World::id_in(second.body));
  EXPECT_EQ(world.agent.sandboxes.size(), 1u);
  expect_error(co_await world.call("POST", "/v1/capsules", R"({"vcpus":2})", key), 409, "conflict");
  const auto other = net::Headers().with("Idempotency-Key", "two");
  EXPECT_NE(World::id_in((co_await world.call("POST", "/v1/capsules", "{}", other)).body),
            World::id_in(first.body));
}

TEST(ApiLifecycleTest, ARepeatedCreateMakesOneSandbox) {
  World().run(check_idempotency);
}

Task<void> check_host_paused(World& world) {
  const std::string path = co_await world.new_sandbox();
  auto& info = world.agent.sandboxes.at(World::id_in(path));
  info.set_status("paused");
  info.set_pause_mode("memory");
  info.set_reason("idle");
  info.mutable_lifecycle()->set_timeout_sec(5);
  EXPECT_TRUE(co_await world.reconciler.run_once());
  const Got got = co_await world.call("GET", path);
  EXPECT_TRUE(got.has(R"("status":"paused")") && got.has(R"("pause_reason":"idle")") &&
              got.has("nobody used it for 5 s"))
      << got.body;
  info.set_status("running");
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_EQ(state_of(world, path), SandboxState::kRunning);
}

TEST(ApiLifecycleTest, WhatTheHostDoesByItselfIsSeen) {
  World().run(check_host_paused);
}

}  // namespace
}  // namespace wrenn::control
