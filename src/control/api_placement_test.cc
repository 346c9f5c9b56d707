// Where sandboxes are placed, over HTTP: what hosts have room for, and what is said when none has.
#include <gtest/gtest.h>

#include "base/strings.h"
#include "control/test_world.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;

// With overcommit: so many times 32 vCPUs, and 4 times the memory.
void set_machine(TestAgent& agent, int cores, std::int64_t memory_mb) {
  agent.machine.emplace();
  agent.machine->set_arch("amd64");
  agent.machine->set_cpu_cores(cores);
  agent.machine->set_memory_mb(memory_mb);
  agent.machine->set_memory_free_mb(memory_mb);
  agent.machine->set_disk_mb(1 << 20);
  agent.machine->set_disk_free_mb(1 << 20);
}

std::string host_of(World& world, const std::string& path) {
  return world.sandboxes.get_any_team(World::id_in(path)).value().host_id.value_or("");
}

Task<void> check_capacity(World& world) {
  set_machine(world.agent, 8, 16'000);
  EXPECT_TRUE(co_await world.reconciler.run_once());
  const Got got = co_await world.call("GET", "/v1/hosts");
  EXPECT_TRUE(got.has(R"("arch":"amd64","cpu_cores":8,"memory_mb":16000,"disk_gb":1099)"))
      << got.body;
}

// Room for two of the default size.
Task<void> check_full(World& world) {
  set_machine(world.agent, 1, 256);
  EXPECT_TRUE(co_await world.reconciler.run_once());
  world.agent.machine->set_memory_free_mb(0);
  const std::string one = co_await world.new_sandbox();
  const std::string two = co_await world.new_sandbox();
  Got got = co_await world.call("POST", "/v1/capsules", "{}");
  EXPECT_EQ(got.status, 503) << got.body;
  EXPECT_TRUE(got.has("no_hosts_available") && got.has("memory is missing on 1 of 1 host") &&
              got.has("(at most 0 MB left)") && got.has("pause, hibernate or destroy"))
      << got.body;
  EXPECT_EQ(world.agent.sandboxes.size(), 2u);

  // What rests leaves room, and finds none when it is taken.
  EXPECT_EQ((co_await world.call("POST", one + "/pause")).status, 200);
  const std::string three = co_await world.new_sandbox();
  got = co_await world.call("POST", one + "/resume");
  EXPECT_EQ(got.status, 503) << got.body;
  EXPECT_TRUE(got.has("no host has room for 1 vcpus, 512 MB of memory: memory")) << got.body;
  EXPECT_TRUE((co_await world.call("GET", one)).has(R"("status":"paused")"));
  got = co_await world.call("POST", one + "/exec", R"({"cmd":"x"})");
  EXPECT_EQ(got.status, 503) << "a call that would wake it says the same: " << got.body;
  EXPECT_EQ((co_await world.call("DELETE", two)).status, 204);
  EXPECT_EQ((co_await world.call("POST", one + "/resume")).status, 200);

  got = co_await world.call("POST", one + "/fork", R"({"count":1})");
  EXPECT_EQ(got.status, 503) << got.body;
  EXPECT_EQ((co_await world.call("DELETE", three)).status, 204);
  got = co_await world.call("POST", one + "/fork", R"({"count":2})");
  EXPECT_EQ(got.status, 503) << "both or none: " << got.body;
  EXPECT_EQ((co_await world.call("POST", one + "/fork", R"({"count":1})")).status, 201);
}

// The key is not used up by what was refused.
Task<void> check_idempotency(World& world) {
  set_machine(world.agent, 1, 128);
  EXPECT_TRUE(co_await world.reconciler.run_once());
  const std::string one = co_await world.new_sandbox();
  const net::Headers key = net::Headers().with("Idempotency-Key", "one");
  EXPECT_EQ((co_await world.call("POST", "/v1/capsules", "{}", key)).status, 503);
  EXPECT_EQ((co_await world.call("DELETE", one)).status, 204);
  EXPECT_EQ((co_await world.call("POST", "/v1/capsules", "{}", key)).status, 201);
}

Task<void> check_sizes(World& world) {
  set_machine(world.agent, 1, 1000);
  set_machine(world.east, 1, 4000);
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_TRUE(co_await world.east_reconciler.run_once());
  const std::string large = R"({"memory_mb":6000})";
  for (int i = 0; i < 2; ++i) {
    const Got got = co_await world.call("POST", "/v1/capsules", large);
    EXPECT_EQ(got.status, 201) << got.body;
    EXPECT_EQ(host_of(world, concat("/v1/capsules/", World::id_in(got.body))), host_id_of("east"));
  }
  const Got got = co_await world.call("POST", "/v1/capsules", large);
  EXPECT_EQ(got.status, 503);
  EXPECT_TRUE(got.has("memory is missing on 2 of 2 hosts")) << got.body;
  EXPECT_EQ(host_of(world, co_await world.new_sandbox()), local_host_id()) << "there it fits";
}

// One that refuses is followed by the next that has room.
Task<void> check_retry(World& world) {
  set_machine(world.agent, 1, 4000);
  EXPECT_TRUE(world.hosts.heartbeat(host_id_of("east")).value());
  EXPECT_TRUE(co_await world.reconciler.run_once());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(host_of(world, co_await world.new_sandbox()), local_host_id());
  }
}

Task<void> check_waking(World& world) {
  set_machine(world.agent, 1, 128);
  EXPECT_TRUE(co_await world.reconciler.run_once());
  const std::string one = co_await world.new_sandbox();
  EXPECT_EQ((co_await world.call("POST", one + "/hibernate")).status, 200);
  const std::string two = co_await world.new_sandbox();
  EXPECT_EQ(host_of(world, two), local_host_id());
  Got got = co_await world.call("POST", one + "/resume");
  EXPECT_EQ(got.status, 503) << got.body;
  EXPECT_TRUE((co_await world.call("GET", one)).has(R"("status":"hibernated")"));
  set_machine(world.east, 1, 128);
  EXPECT_TRUE(co_await world.east_reconciler.run_once());
  got = co_await world.call("POST", one + "/resume");
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_EQ(host_of(world, one), host_id_of("east"));
}

TEST(ApiPlacementTest, HostsSayWhatTheyHave) {
  World().run(check_capacity);
}
TEST(ApiPlacementTest, NothingIsPromisedTwice) {
  World().run(check_full);
}
TEST(ApiPlacementTest, ARefusedKeyIsFree) {
  World().run(check_idempotency);
}
TEST(ApiPlacementTest, LargeOnesGoWhereTheyFit) {
  World(World::Hosts::kTwo).run(check_sizes);
}
TEST(ApiPlacementTest, TheNextHostIsAsked) {
  World(World::Hosts::kTwo).run(check_retry, World::Agent::kEastAway);
}
TEST(ApiPlacementTest, WhatIsInStorageWakesWhereThereIsRoom) {
  World(World::Hosts::kTwo).run(check_waking);
}

}  // namespace
}  // namespace wrenn::control
