// Where sandboxes are placed, over HTTP: what hosts have room for, and what is said when none has.
#include <algorithm>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "control/test_people.h"
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
  const std::string path = co_await world.new_sandbox();
  Got got = co_await world.call("GET", "/v1/hosts");
  EXPECT_TRUE(got.has(R"("allocated":{"vcpus":1,"memory_mb":512,"disk_mb":5120})")) << got.body;
  EXPECT_TRUE(got.has(R"("allocatable":{"vcpus":256,"memory_mb":64000,"disk_mb":52428800})"))
      << got.body;
  EXPECT_EQ((co_await world.call("POST", path + "/pause")).status, 200);
  got = co_await world.call("GET", concat("/v1/hosts/", local_host_id()));
  EXPECT_TRUE(got.has(R"("allocated":{"vcpus":0,"memory_mb":0,"disk_mb":5120})")) << got.body;
  got = co_await world.call("GET", "/v1/hosts");
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

Task<void> check_labels(World& world) {
  EXPECT_TRUE(co_await world.reconciler.run_once());
  EXPECT_TRUE(co_await world.east_reconciler.run_once());
  const std::string local = concat("/v1/hosts/", local_host_id());
  const std::string east = concat("/v1/hosts/", host_id_of("east"));
  const std::string in_b = R"({"host_labels":{"zone":"b","none":null}})";
  Got got = co_await world.call("POST", "/v1/capsules", in_b);
  EXPECT_EQ(got.status, 503) << got.body;
  EXPECT_TRUE(got.has("no_hosts_available") && got.has("labels zone=b") && got.has("host label"))
      << got.body;
  got = co_await world.call("PATCH", local, R"({"labels":{"zone":"a"}})");
  EXPECT_EQ(got.status, 200) << got.body;
  EXPECT_TRUE(got.has(R"("labels":{"zone":"a"})")) << got.body;
  EXPECT_EQ((co_await world.call("PATCH", east, R"({"labels":{"zone":"b","x":"y"}})")).status, 200);
  got = co_await world.call("PATCH", east, R"({"labels":{"x":null}})");
  EXPECT_TRUE(got.has(R"("labels":{"zone":"b"})")) << got.body;
  for (const char* body : {"{}", R"({"labels":7})", R"({"labels":{"a=b":"c"}})", "[]"}) {
    EXPECT_EQ((co_await world.call("PATCH", east, body)).status, 400) << body;
  }

  std::string path;
  for (int i = 0; i < 3; ++i) {
    got = co_await world.call("POST", "/v1/capsules", in_b);
    EXPECT_EQ(got.status, 201) << got.body;
    EXPECT_TRUE(got.has(R"("host_labels":{"zone":"b"})")) << got.body;
    path = concat("/v1/capsules/", World::id_in(got.body));
    EXPECT_EQ(host_of(world, path), host_id_of("east"));
  }
  // What it asks for holds when it wakes elsewhere, and not where it is.
  EXPECT_EQ((co_await world.call("POST", path + "/hibernate")).status, 200);
  EXPECT_EQ((co_await world.call("PATCH", east, R"({"labels":{"zone":null}})")).status, 200);
  EXPECT_EQ((co_await world.call("POST", path + "/resume")).status, 503);
  EXPECT_EQ((co_await world.call("PATCH", local, R"({"labels":{"zone":"b"}})")).status, 200);
  EXPECT_EQ((co_await world.call("POST", path + "/resume")).status, 200);
  EXPECT_EQ(host_of(world, path), local_host_id());
  EXPECT_EQ((co_await world.call("PATCH", local, R"({"labels":{"zone":null}})")).status, 200);
  EXPECT_EQ((co_await world.call("POST", path + "/pause")).status, 200);
  EXPECT_EQ((co_await world.call("POST", path + "/resume")).status, 200);
}

// Who may, and who may not.
Task<void> check_who_labels(World& world) {
  const std::string local = concat("/v1/hosts/", local_host_id());
  const std::string body = R"({"labels":{"zone":"a"}})";
  const Other other = other_team(world);
  const auto with = [](const base::Secret& text) {
    return net::Headers().with("X-API-Key", text.reveal());
  };
  EXPECT_EQ((co_await world.call("PATCH", local, body, other.key)).status, 404);
  const auto reader =
      world.keys.create(db::kDefaultTeam, {.name = "r", .scopes = {"hosts:read"}}).value();
  EXPECT_EQ((co_await world.call("PATCH", local, body, with(reader.text))).status, 403);
  EXPECT_EQ(
      (co_await world.call("PATCH", local, body, net::Headers().with("X-API-Key", "x"))).status,
      401);
  EXPECT_EQ((co_await world.call("PATCH", local, body)).status, 200);
  EXPECT_TRUE(world.teams.set_byoc(other.team_id, true));
  Got got = co_await world.call(
      "POST", "/v1/hosts",
      concat(R"({"name":"anns","team_id":")", other.team_id, R"(","labels":{"gpu":"yes"}})"),
      other.key);
  EXPECT_EQ(got.status, 201) << got.body;
  EXPECT_TRUE(got.has(R"("labels":{"gpu":"yes"})")) << got.body;
  const std::string own = concat("/v1/hosts/", got.body.substr(got.body.find("host-"), 30));
  EXPECT_EQ((co_await world.call("PATCH", own, body, other.key)).status, 200);
  EXPECT_TRUE(co_await world.audit.flush());
  const auto logged =
      world.audit_store.list({.with_admins = true, .actions = {"host.update"}}).value();
  const std::string id = own.substr(own.find("host-"));
  EXPECT_TRUE(std::ranges::any_of(
      logged, [&](const auto& entry) { return entry.resource_id == id && entry.code.empty(); }));
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
TEST(ApiPlacementTest, LabelsOfHostsAreAskedFor) {
  World(World::Hosts::kTwo).run(check_labels);
}
TEST(ApiPlacementTest, LabelsAreChangedByThoseWhoRunTheHost) {
  World().run(check_who_labels);
}
TEST(ApiPlacementTest, WhatIsInStorageWakesWhereThereIsRoom) {
  World(World::Hosts::kTwo).run(check_waking);
}

}  // namespace
}  // namespace wrenn::control
