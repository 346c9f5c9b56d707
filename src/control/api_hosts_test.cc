// One control plane and two hosts, over HTTP, with a real database and two test agents.
#include <gtest/gtest.h>

#include "base/id.h"
#include "control/test_world.h"

namespace wrenn::control {
namespace {

using base::concat;
using db::SandboxState;
using net::Task;

void run_with_two(Task<void> (*test)(World&), World::Agent agent_is = World::Agent::kThere) {
  World(World::Hosts::kTwo).run(test, agent_is);
}

std::string host_of(World& world, const std::string& path) {
  return world.sandboxes.get_any_team(World::id_in(path)).value().host_id.value_or("");
}
TestAgent& agent_of(World& world, const std::string& path) {
  return host_of(world, path) == local_host_id() ? world.agent : world.east;
}

Task<void> hear_both(World& world) {
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_TRUE(co_await world.east_reconciler.run_once());
}

Task<void> check_spread(World& world) {
  co_await hear_both(world);
  for (int i = 0; i < 4; ++i) (void)co_await world.new_sandbox();
  EXPECT_EQ(world.agent.sandboxes.size(), 2u);
  EXPECT_EQ(world.east.sandboxes.size(), 2u);
  co_await hear_both(world);
  EXPECT_EQ(world.agent.sandboxes.size() + world.east.sandboxes.size(), 4u) << "each has its own";
}

TEST(ApiHostsTest, CreatesAreSpread) {
  run_with_two(check_spread);
}

Task<void> check_calls(World& world) {
  co_await hear_both(world);
  const std::string one = co_await world.new_sandbox();
  const std::string two = co_await world.new_sandbox();
  EXPECT_NE(host_of(world, one), host_of(world, two));
  for (const auto& path : {one, two}) {
    TestAgent& agent = agent_of(world, path);
    EXPECT_EQ((co_await world.call("POST", path + "/exec", R"({"cmd":"x"})")).status, 200);
    EXPECT_EQ(agent.last_exec.sandbox_id(), World::id_in(path));
    EXPECT_EQ((co_await world.call("POST", path + "/pause")).status, 200);
    EXPECT_EQ(agent.pauses, 1);
    EXPECT_EQ((co_await world.call("GET", path + "/ports")).status, 200) << "wakes it";
    EXPECT_EQ(agent.resumes, 1);
    EXPECT_EQ((co_await world.call("DELETE", path)).status, 204);
    EXPECT_TRUE(agent.sandboxes.empty());
  }
}

TEST(ApiHostsTest, CallsGoToTheHostOfTheSandbox) {
  run_with_two(check_calls);
}

// The database still thinks that the silent one is there: it was, a moment ago.
Task<void> check_silent(World& world) {
  EXPECT_TRUE(world.hosts.heartbeat(host_id_of("east")).value());
  EXPECT_TRUE(co_await world.reconciler.run_once());
  for (int i = 0; i < 3; ++i) {
    const std::string path = co_await world.new_sandbox();
    EXPECT_EQ(host_of(world, path), local_host_id());
  }
  EXPECT_EQ(world.agent.sandboxes.size(), 3u);
  EXPECT_FALSE(co_await world.east_reconciler.run_once());
  EXPECT_TRUE(co_await world.reconciler.run_once()) << "the other goes on";
  EXPECT_EQ(world.hosts.get(local_host_id())->status, db::HostStatus::kOnline);
  Reconciler hasty(world.services, host_id_of("east"), std::chrono::milliseconds(0));
  (void)co_await net::sleep_for(std::chrono::milliseconds(5));
  EXPECT_FALSE(co_await hasty.run_once());
  EXPECT_EQ(world.hosts.get(host_id_of("east"))->status, db::HostStatus::kUnreachable);
  EXPECT_EQ(world.hosts.get(local_host_id())->status, db::HostStatus::kOnline);
  const Got list = co_await world.call("GET", "/v1/capsules");
  EXPECT_FALSE(list.has("missing")) << list.body;
}

TEST(ApiHostsTest, ASilentHostIsPassedOver) {
  run_with_two(check_silent, World::Agent::kEastAway);
}

Task<void> check_full(World& world) {
  co_await hear_both(world);
  const Got got = co_await world.call("POST", "/v1/capsules", R"({"template":"full"})");
  EXPECT_EQ(got.status, 503) << got.body;
  EXPECT_TRUE(got.has("no_hosts_available")) << got.body;
  const auto rows = world.sandboxes.list(
      db::kDefaultTeam, {.states = {db::kAllSandboxStates.begin(), db::kAllSandboxStates.end()}});
  EXPECT_TRUE(rows && rows->size() == 1);
  EXPECT_EQ(rows->front().status, SandboxState::kError);
  EXPECT_EQ(rows->front().host_id, local_host_id()) << "east was asked first";
}

TEST(ApiHostsTest, WhenAllAreFullThatIsTheAnswer) {
  run_with_two(check_full);
}

Task<void> check_copies(World& world) {
  co_await hear_both(world);
  const std::string one = co_await world.new_sandbox();
  TestAgent& agent = agent_of(world, one);
  TestAgent& other = &agent == &world.agent ? world.east : world.agent;
  EXPECT_EQ((co_await world.call("POST", one + "/fork", R"({"count":1})")).status, 201);
  EXPECT_EQ(agent.sandboxes.size(), 2u);
  const std::string body = concat(R"({"name":"mine","sandbox_id":")", World::id_in(one), "\"}");
  EXPECT_EQ((co_await world.call("POST", "/v1/snapshots", body)).status, 201);
  EXPECT_EQ(agent.templates.size(), 1u);
  EXPECT_EQ((co_await world.call("POST", "/v1/capsules", R"({"template":"mine"})")).status, 201);
  EXPECT_EQ(agent.sandboxes.size(), 3u) << "though the other has none";
  EXPECT_TRUE(other.sandboxes.empty());
  EXPECT_EQ((co_await world.call("GET", "/v1/snapshots")).body.find("minimal"),
            (co_await world.call("GET", "/v1/snapshots")).body.rfind("minimal"))
      << "an image that both have is one";
  EXPECT_EQ((co_await world.call("DELETE", "/v1/snapshots/mine")).status, 204);
  EXPECT_TRUE(agent.templates.empty());
  co_await hear_both(world);
  EXPECT_EQ(agent.sandboxes.size(), 3u);
}

TEST(ApiHostsTest, CopiesAreWhereTheirSourceIs) {
  run_with_two(check_copies);
}

// A create whose answer was lost, and that was made on another host then.
Task<void> check_twice(World& world) {
  co_await hear_both(world);
  const std::string path = co_await world.new_sandbox();
  TestAgent& agent = agent_of(world, path);
  TestAgent& other = &agent == &world.agent ? world.east : world.agent;
  other.sandboxes[World::id_in(path)] = agent.sandboxes.at(World::id_in(path));
  co_await hear_both(world);
  EXPECT_TRUE(other.sandboxes.empty());
  EXPECT_EQ(agent.sandboxes.size(), 1u);
  // It is nowhere else: perhaps only the names of the hosts have changed.
  std::swap(agent.sandboxes, other.sandboxes);
  co_await hear_both(world);
  EXPECT_EQ(other.sandboxes.size(), 1u);
}

TEST(ApiHostsTest, NoSandboxIsOnTwoHosts) {
  run_with_two(check_twice);
}

}  // namespace
}  // namespace wrenn::control
