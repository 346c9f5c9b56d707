#include "control/scheduler/fleet.h"

#include <gtest/gtest.h>

namespace wrenn::control {
namespace {

constexpr std::int64_t kNow = 1'700'000'000'000;

db::Host host(const std::string& id, std::int64_t seen_at = kNow) {
  db::Host made;
  made.id = made.name = id;
  made.status = db::HostStatus::kOnline;
  made.last_seen_at = seen_at;
  made.capacity = {.cpu_cores = 1, .memory_mb = 1000};
  return made;
}
db::Sandbox sandbox(db::SandboxState state) {
  db::Sandbox made;
  made.template_name = "minimal";
  made.status = state;
  made.vcpus = 2;
  made.memory_mb = 1024;
  return made;
}
Demand demand() {
  return {.amounts = {.vcpus = 2, .memory_mb = 1024}};
}

TEST(FleetTest, IsReadAnewWhenItIsOldOrHasChanged) {
  Fleet fleet({}, std::chrono::hours(1));
  EXPECT_TRUE(fleet.begin_refresh());
  EXPECT_TRUE(fleet.begin_refresh()) << "there are none yet";
  fleet.set_hosts({host("a")}, kNow);
  EXPECT_FALSE(fleet.begin_refresh());
  fleet.expire();
  EXPECT_TRUE(fleet.begin_refresh());
  Fleet old({}, base::Duration(0));
  old.set_hosts({host("a")}, kNow);
  EXPECT_TRUE(old.begin_refresh());
}

TEST(FleetTest, HostsThatWereNotHeardForAWhileAreLeftOut) {
  Fleet fleet;
  db::Host unreachable = host("c");
  unreachable.status = db::HostStatus::kUnreachable;
  fleet.set_hosts({host("a", kNow - 15'000), host("b", kNow - 14'000), unreachable}, kNow);
  EXPECT_EQ(fleet.choose(demand()).hosts, std::vector<std::string>{"b"});
}

TEST(FleetTest, KnowsWhatItsHostsKeep) {
  Fleet fleet({.vcpus = 4, .memory = 4, .disk = 4});
  fleet.set_hosts({host("a"), host("b")}, kNow);
  EXPECT_EQ(fleet.choose(demand()).hosts.front(), "a");
  fleet.note_sandboxes("a",
                       {sandbox(db::SandboxState::kRunning), sandbox(db::SandboxState::kPaused)});
  EXPECT_EQ(fleet.choose(demand()).hosts.front(), "b");
  fleet.note_placement(demand(),
                       {.outcome = db::Placing::kDone, .host_id = "b", .loads = {{"b", {}}}});
  EXPECT_EQ(fleet.choose(demand()).hosts.front(), "a");
  fleet.note_placement(demand(), {.loads = {{"a", {.vcpus = 3}}, {"b", {.vcpus = 3}}}});
  EXPECT_FALSE(fleet.choose(demand()).have_room);
  EXPECT_TRUE(fleet.explain(demand()).message.contains("vCPU is missing on 2 of 2 hosts"));
}

TEST(FleetTest, ManyWhoChooseAtOnceSpread) {
  Fleet fleet({.vcpus = 8, .memory = 8, .disk = 8});
  fleet.set_hosts({host("a"), host("b"), host("c")}, kNow);
  for (const char* id : {"a", "b", "c", "a"}) EXPECT_EQ(fleet.choose(demand()).hosts.front(), id);
}

TEST(FleetTest, WhatAHostReallyHasLeftCounts) {
  Fleet fleet;
  db::Host busy = host("a");
  busy.capacity.disk_mb = 100'000;
  busy.memory_free_mb = 900;
  busy.disk_free_mb = 1000;
  db::Host idle = busy;
  idle.id = idle.name = "b";
  idle.disk_free_mb = 90'000;
  fleet.set_hosts({busy, idle}, kNow);
  EXPECT_EQ(fleet.choose(demand()).hosts, (std::vector<std::string>{"b", "a"}));
}

}  // namespace
}  // namespace wrenn::control
