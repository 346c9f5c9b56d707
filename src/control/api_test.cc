// The API over HTTP, down to the database and to an agent at the other end of a socket: the life of
// sandboxes and what happens to them when a part fails.
#include <gtest/gtest.h>

#include "base/id.h"
#include "control/test_world.h"

namespace wrenn::control {
namespace {

using db::SandboxState;
using net::Task;
using std::chrono::milliseconds;

void expect_error(const Got& got, int status, std::string_view code) {
  EXPECT_EQ(got.status, status) << got.body;
  EXPECT_TRUE(got.has(base::concat("{\"error\":{\"code\":\"", code, "\",\"message\":\"")))
      << got.body;
}

Task<void> check_life(World& world) {
  Got got = co_await world.call("POST", "/v1/capsules", R"({"vcpus":2,"timeout_sec":60})");
  EXPECT_EQ(got.status, 201) << got.body;
  EXPECT_TRUE(got.has(R"("status":"running")") && got.has(R"("vcpus":2)")) << got.body;
  EXPECT_TRUE(got.has(R"("kernel_version":"6.1")") && got.has(R"("restore":13)")) << got.body;
  EXPECT_TRUE(got.has(R"("host_ip":"10.11.0.2")") && got.has(R"("disk_mb":5120)")) << got.body;
  const std::string path = "/v1/capsules/" + World::id_in(got.body);
  EXPECT_EQ(world.agent.sandboxes.size(), 1u);

  got = co_await world.call("GET", path);
  EXPECT_EQ(got.status, 200);
  EXPECT_FALSE(got.has("timings_ms"));
  got = co_await world.call("GET", "/v1/capsules");
  EXPECT_TRUE(got.status == 200 && got.body.starts_with("[{\"id\":\"cl-")) << got.body;
  EXPECT_EQ((co_await world.call("POST", path + "/ping")).status, 204);

  EXPECT_EQ((co_await world.call("DELETE", path)).status, 204);
  EXPECT_EQ((co_await world.call("DELETE", path)).status, 204);
  EXPECT_TRUE(world.agent.sandboxes.empty());
  EXPECT_EQ((co_await world.call("GET", "/v1/capsules")).body, "[]");
  got = co_await world.call("GET", path);
  EXPECT_TRUE(got.status == 200 && got.has(R"("status":"stopped")")) << got.body;
  expect_error(co_await world.call("POST", path + "/ping"), 409, "invalid_state");
}

TEST(ApiTest, TheLifeOfASandbox) {
  World().run(check_life);
}

Task<void> check_manners(World& world) {
  Got got = co_await world.call("GET", "/health", "", net::Headers().with("X-API-Key", "none"));
  EXPECT_EQ(got.status, 200);
  EXPECT_TRUE(got.headers.find("x-request-id").value_or("").starts_with("req-"));
  EXPECT_EQ(got.headers.find("x-content-type-options"), "nosniff");
  EXPECT_FALSE(got.headers.find("access-control-allow-origin"));
  EXPECT_FALSE(got.headers.find("set-cookie"));
  expect_error(co_await world.call("GET", "/v1/nothing"), 404, "not_found");
  got = co_await world.call("PUT", "/v1/capsules");
  expect_error(got, 405, "method_not_allowed");
  EXPECT_EQ(got.headers.find("allow"), "POST, GET");
  expect_error(co_await world.call("POST", "/v1/capsules", "{"), 400, "invalid_request");
  expect_error(co_await world.call("POST", "/v1/capsules", R"({"vcpus":1e9})"), 400,
               "invalid_request");
  expect_error(co_await world.call("POST", "/v1/capsules", std::string((1 << 20) + 1, ' ')), 413,
               "too_large");
}

Task<void> check_description(World& world) {
  const auto nobody = net::Headers().with("X-API-Key", "none");
  Got got = co_await world.call("GET", "/openapi.yaml", "", nobody);
  EXPECT_TRUE(got.status == 200 && got.body.starts_with("openapi: 3.1.0\n")) << got.status;
  EXPECT_EQ(got.headers.find("content-type"), "application/yaml");
  got = co_await world.call("GET", "/docs", "", nobody);
  EXPECT_TRUE(got.status == 200 && got.body.starts_with("<!doctype html>")) << got.status;
  const auto policy = got.headers.find("content-security-policy").value_or("");
  EXPECT_TRUE(policy.contains("default-src 'none'; style-src 'sha256-")) << policy;
  EXPECT_FALSE(policy.contains("unsafe") || policy.contains("script-src")) << policy;
}

TEST(ApiTest, DescribesItselfToEverybody) {
  World().run(check_description);
}

TEST(ApiTest, AnswersWithMannersAndRefusesNonsense) {
  World().run(check_manners);
}

Task<void> check_request_ids(World& world) {
  const auto with = [](std::string id) { return net::Headers().with("X-Request-Id", id); };
  Got got = co_await world.call("POST", "/v1/capsules", "{}", with("trace-1.a_B"));
  EXPECT_EQ(got.status, 201) << got.body;
  EXPECT_EQ(got.headers.find("x-request-id"), "trace-1.a_B");
  EXPECT_TRUE(world.agent.request_ids.contains("trace-1.a_B"));
  const std::string path = base::concat("/v1/capsules/", World::id_in(got.body));
  got = co_await world.call("POST", path + "/files/list", R"({"path":"/"})", with("trace-2"));
  EXPECT_EQ(got.headers.find("x-request-id"), "trace-2");
  EXPECT_TRUE(world.agent.request_ids.contains("trace-2"));
  // Contents of files go another way.
  co_await world.call("POST", path + "/files/read", R"({"path":"/nothing"})", with("trace-3"));
  EXPECT_TRUE(world.agent.request_ids.contains("trace-3"));
  got = co_await world.call("GET", "/v1/nothing", "", with("trace-4"));
  EXPECT_EQ(got.headers.find("x-request-id"), "trace-4");
  for (const std::string& bad : {std::string(65, 'x'), std::string("a b"), std::string("a\"b")}) {
    got = co_await world.call("GET", path, "", with(bad));
    EXPECT_TRUE(got.headers.find("x-request-id").value_or("").starts_with("req-")) << bad;
  }
}

TEST(ApiTest, RequestIdsGoAllTheWay) {
  World().run(check_request_ids);
}

Task<void> check_keys(World& world) {
  const std::string path = co_await world.new_sandbox();
  for (const auto* key : {"wrn_00000000000000000000000000000000", "x"}) {
    const auto headers = net::Headers().with("X-API-Key", key);
    // A malformed, an unknown and an existing id look the same to a stranger.
    for (const auto& target : {std::string("/v1/capsules/x"), path, std::string("/v1/capsules")}) {
      expect_error(co_await world.call("GET", target, "", headers), 401, "unauthorized");
    }
  }
  const std::string digits = world.key.substr(4);
  EXPECT_EQ(
      (co_await world.call("GET", path, "", net::Headers().with("X-API-Key", "e2b_" + digits)))
          .status,
      200);
  EXPECT_EQ((co_await world.call(
                 "GET", path, "",
                 net::Headers().with("X-API-Key", "").with("Authorization", "Bearer " + world.key)))
                .status,
            200);
  expect_error(co_await world.call("GET", "/v1/capsules/cl-x"), 400, "invalid_request");
  expect_error(co_await world.call("GET", "/v1/capsules/" + base::new_id(base::kSandboxPrefix)),
               404, "not_found");
}

TEST(ApiTest, KeysDecideWhoSeesWhat) {
  World().run(check_keys);
}

Task<void> check_other_team(World& world) {
  const std::string path = co_await world.new_sandbox();
  const std::string team = base::new_id(base::kTeamPrefix);
  EXPECT_TRUE(world.database.write().execute(
      "INSERT INTO teams (id, name, created_at) VALUES ($1, 'other', 0)", {team}));
  const auto key = world.keys.create(team, {.name = "other"});
  EXPECT_TRUE(key);
  if (!key) co_return;
  const auto headers = net::Headers().with("X-API-Key", key->text.reveal());
  expect_error(co_await world.call("GET", path, "", headers), 404, "not_found");
  expect_error(co_await world.call("DELETE", path, "", headers), 404, "not_found");
  EXPECT_EQ((co_await world.call("GET", "/v1/capsules", "", headers)).body, "[]");
  EXPECT_EQ(world.agent.sandboxes.size(), 1u);
}

TEST(ApiTest, AnotherTeamsSandboxDoesNotExist) {
  World().run(check_other_team);
}

Task<void> check_failed_create(World& world) {
  expect_error(co_await world.call("POST", "/v1/capsules", R"({"template":"unknown"})"), 404,
               "not_found");
  const Got full = co_await world.call("POST", "/v1/capsules", R"({"template":"full"})");
  expect_error(full, 503, "no_hosts_available");
  EXPECT_TRUE(full.has("destroy a sandbox")) << full.body;
  const auto rows = world.sandboxes.list(
      db::kDefaultTeam, {.states = {db::kAllSandboxStates.begin(), db::kAllSandboxStates.end()}});
  EXPECT_TRUE(rows && rows->size() == 2);
  for (const auto& row : *rows) {
    EXPECT_EQ(row.status, SandboxState::kError);
    EXPECT_FALSE(row.error_message.empty());
  }
  EXPECT_EQ((co_await world.call("DELETE", "/v1/capsules/" + rows->front().id)).status, 204);
}

TEST(ApiTest, ACreateThatFailsLeavesAnErrorAndNothingElse) {
  World().run(check_failed_create);
}

Task<void> check_no_agent(World& world) {
  const Got got = co_await world.call("POST", "/v1/capsules", "{}");
  expect_error(got, 503, "host_unavailable");
  EXPECT_TRUE(got.has("is it running?")) << got.body;
  EXPECT_FALSE(co_await world.reconciler.run_once());
  EXPECT_EQ(world.hosts.get(local_host_id())->status, db::HostStatus::kUnreachable);
}

TEST(ApiTest, WithoutAnAgentItSaysSo) {
  World().run(check_no_agent, World::Agent::kAway);
}

Task<void> check_leaving_client(World& world) {
  world.agent.gate.close();
  {
    auto stream = co_await net::connect(world.endpoint);
    EXPECT_TRUE(co_await (*stream)->write_all(
        base::concat("POST /v1/capsules HTTP/1.1\r\nHost: a\r\nX-API-Key: ", world.key,
                     "\r\nContent-Length: 2\r\n\r\n{}")));
    EXPECT_TRUE(co_await world.agent.gate.reached());
  }
  world.agent.gate.open();
  EXPECT_TRUE(co_await eventually([&world] {
    const auto all = world.sandboxes.list(db::kDefaultTeam).value();
    return all.size() == 1 && all.front().status == SandboxState::kRunning;
  }));
}

TEST(ApiTest, ACreateGoesOnWhenItsClientLeaves) {
  World().run(check_leaving_client);
}

Task<void> destroy_while_creating(World& world, bool* conflict) {
  const Got got = co_await world.call("POST", "/v1/capsules", "{}");
  *conflict = got.status == 409 && got.has("\"conflict\"");
}

Task<void> check_destroy_while_creating(World& world) {
  world.agent.gate.close();
  bool conflict = false;
  net::TaskScope scope(world.loop);
  scope.spawn(destroy_while_creating(world, &conflict));
  EXPECT_TRUE(co_await world.agent.gate.reached());
  const Got list = co_await world.call("GET", "/v1/capsules");
  EXPECT_TRUE(list.has(R"("status":"starting")")) << list.body;
  EXPECT_EQ((co_await world.call("DELETE", "/v1/capsules/" + World::id_in(list.body))).status, 204);
  world.agent.gate.open();
  co_await scope.join();
  EXPECT_TRUE(conflict);
  EXPECT_TRUE(world.agent.sandboxes.empty());
}

TEST(ApiTest, ASandboxDestroyedWhileItIsCreatedIsGone) {
  World().run(check_destroy_while_creating);
}

Task<void> check_reconciling(World& world) {
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_EQ(world.hosts.get(local_host_id())->status, db::HostStatus::kOnline);
  const std::string lost = co_await world.new_sandbox();
  const std::string kept = co_await world.new_sandbox();
  world.agent.sandboxes.erase(World::id_in(lost));
  world.agent.sandboxes["cl-stranger"].set_sandbox_id("cl-stranger");
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_FALSE(world.agent.sandboxes.contains("cl-stranger"));
  const Got got = co_await world.call("GET", lost);
  EXPECT_TRUE(got.has(R"("status":"missing")") && got.has("its host no longer has it")) << got.body;
  EXPECT_TRUE((co_await world.call("GET", kept)).has(R"("status":"running")"));
  EXPECT_EQ((co_await world.call("DELETE", lost)).status, 204);
}

TEST(ApiTest, TheReconcilerMakesBothSidesAgree) {
  World().run(check_reconciling);
}

db::Sandbox starting_row(World& world, std::string id) {
  db::Sandbox row;
  row.id = std::move(id);
  row.team_id = db::kDefaultTeam;
  row.host_id = local_host_id();
  row.template_name = "minimal";
  EXPECT_TRUE(world.sandboxes.insert(row));
  EXPECT_TRUE(
      world.sandboxes.transition(row.id, {SandboxState::kPending}, SandboxState::kStarting));
  return row;
}

Task<void> check_after_crash(World& world) {
  const auto made = starting_row(world, base::new_id(base::kSandboxPrefix));
  const auto never = starting_row(world, base::new_id(base::kSandboxPrefix));
  auto& info = world.agent.sandboxes[made.id];
  info.set_sandbox_id(made.id);
  info.set_status("running");
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_EQ(world.sandboxes.get_any_team(made.id)->status, SandboxState::kRunning);
  EXPECT_EQ(world.sandboxes.get_any_team(never.id)->status, SandboxState::kError);
  EXPECT_EQ(world.agent.sandboxes.size(), 1u);
}

TEST(ApiTest, RowsOfAnEarlierControlPlaneAreSettled) {
  World().run(check_after_crash);
}

Task<void> check_silence(World& world) {
  EXPECT_TRUE(world.hosts.heartbeat(local_host_id()).value());
  const auto row = starting_row(world, base::new_id(base::kSandboxPrefix));
  EXPECT_TRUE(world.sandboxes.transition(row.id, {SandboxState::kStarting}, SandboxState::kRunning)
                  .value());
  EXPECT_FALSE(co_await world.reconciler.run_once());
  EXPECT_EQ(world.sandboxes.get_any_team(row.id)->status, SandboxState::kRunning) << "not yet";
  Reconciler hasty(world.services, local_host_id(), milliseconds(0));
  (void)co_await net::sleep_for(milliseconds(5));
  EXPECT_FALSE(co_await hasty.run_once());
  EXPECT_EQ(world.sandboxes.get_any_team(row.id)->status, SandboxState::kMissing);
}

TEST(ApiTest, TheSandboxesOfASilentHostAreMissing) {
  World().run(check_silence, World::Agent::kAway);
}

Task<void> slow_create(World& world, int* status) {
  *status = (co_await world.call("POST", "/v1/capsules", "{}")).status;
}

Task<void> check_shutdown(World& world) {
  world.agent.gate.close();
  int status = 0;
  net::TaskScope scope(world.loop);
  scope.spawn(slow_create(world, &status));
  EXPECT_TRUE(co_await world.agent.gate.reached());
  world.api.begin_shutdown();
  world.agent.gate.open();
  co_await scope.join();
  EXPECT_EQ(status, 201);
  EXPECT_EQ((co_await world.call("GET", "/health")).headers.find("connection"), "close");
}

TEST(ApiTest, AShutdownLetsRequestsFinish) {
  World().run(check_shutdown);
}

}  // namespace
}  // namespace wrenn::control
