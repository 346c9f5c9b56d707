#include "control/scheduler/scheduler.h"

#include <set>

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::control {
namespace {

using base::concat;
using db::Amounts;
using Ids = std::vector<std::string>;

HostFacts host(std::string id, const Amounts& most = {}) {
  HostFacts facts;
  facts.id = std::move(id);
  facts.most = most;
  return facts;
}
std::vector<HostFacts> many_hosts(int count, const Amounts& most) {
  std::vector<HostFacts> hosts;
  for (int i = 0; i < count; ++i) hosts.push_back(host(concat("host-", i), most));
  return hosts;
}
Demand small() {
  return {.amounts = {.vcpus = 1, .memory_mb = 512, .disk_mb = 5120}};
}

TEST(SchedulerTest, TheEmptiestOfThoseThatAnswer) {
  Scheduler scheduler(1);
  std::vector<HostFacts> hosts = {host("a"), host("b"), host("c"), host("d")};
  hosts[2].answers = false;
  scheduler.set_hosts(hosts);
  scheduler.set_load("a", {.vcpus = 2, .memory_mb = 1024});
  scheduler.set_load("b", {.vcpus = 1, .memory_mb = 512});
  scheduler.set_load("d", {.vcpus = 1, .memory_mb = 512});
  scheduler.set_load("nobody", {.vcpus = 1});
  EXPECT_EQ(scheduler.choose(small()).hosts, (Ids{"b", "d", "a"}));
  EXPECT_EQ(scheduler.all(), (Ids{"a", "b", "d", "c"}));
  for (HostFacts& one : hosts) one.answers = false;
  scheduler.set_hosts(hosts);
  EXPECT_EQ(scheduler.choose(small()).hosts, (Ids{"c", "b", "d", "a"}))
      << "there is nobody else to ask, and the load is known still";
}

TEST(SchedulerTest, DrainedHostsAndThoseOfOtherTeamsAreLeftOut) {
  Scheduler scheduler(1);
  std::vector<HostFacts> hosts = {host("any"), host("drained"), host("own")};
  hosts[1].takes_new = false;
  hosts[2].team_id = "team-a";
  scheduler.set_hosts(hosts);
  Demand demand = small();
  demand.team_id = "team-a";
  EXPECT_EQ(scheduler.choose(demand).hosts, Ids{"own"});
  demand.team_id = "team-b";
  EXPECT_EQ(scheduler.choose(demand).hosts, Ids{"any"});
  hosts[2].takes_new = false;
  scheduler.set_hosts(hosts);
  demand.team_id = "team-a";
  EXPECT_TRUE(scheduler.choose(demand).hosts.empty())
      << "what a team brought its own hosts for stays off the others";
  EXPECT_EQ(scheduler.explain(demand).code, base::Code::kUnavailable);
}

TEST(SchedulerTest, WhatIsShortestCounts) {
  Scheduler scheduler(1);
  scheduler.set_hosts({host("cpu", {.vcpus = 10, .memory_mb = 10'000, .disk_mb = 100'000}),
                       host("memory", {.vcpus = 10, .memory_mb = 10'000, .disk_mb = 100'000}),
                       host("disk", {.vcpus = 10, .memory_mb = 10'000, .disk_mb = 100'000})});
  scheduler.set_load("cpu", {.vcpus = 8});
  scheduler.set_load("memory", {.memory_mb = 6000});
  scheduler.set_load("disk", {.disk_mb = 90'000});
  EXPECT_EQ(scheduler.choose(small()).hosts, (Ids{"memory", "cpu", "disk"}));
}

TEST(SchedulerTest, FullHostsAreTheLastResort) {
  Scheduler scheduler(1);
  scheduler.set_hosts({host("a", {.memory_mb = 1000}), host("b", {.vcpus = 4, .memory_mb = 2000})});
  scheduler.set_load("a", {.memory_mb = 800});
  Candidates chosen = scheduler.choose(small());
  EXPECT_EQ(chosen.hosts, Ids{"b"});
  EXPECT_TRUE(chosen.have_room);
  scheduler.set_load("b", {.vcpus = 4, .memory_mb = 1900});
  chosen = scheduler.choose(small());
  EXPECT_EQ(chosen.hosts.size(), 2u) << "what is known may be old";
  EXPECT_FALSE(chosen.have_room);
  EXPECT_EQ(scheduler.explain(small()).to_string(),
            "no host has room for 1 vcpus, 512 MB of memory, 5120 MB of disk: memory is missing on "
            "2 of 2 hosts (at most 200 MB left); vCPU is missing on 1 of 2 hosts (at most 0 left) "
            "(pause, hibernate or destroy sandboxes, ask for less, or add a host)");
}

TEST(SchedulerTest, LabelsAreDemanded) {
  Scheduler scheduler(1);
  std::vector<HostFacts> hosts = {host("a"), host("b"), host("c")};
  hosts[1].labels = {{"zone", "b"}, {"disk", "fast"}};
  hosts[2].labels = {{"zone", "c"}, {"disk", "fast"}};
  scheduler.set_hosts(hosts);
  Demand demand = small();
  demand.labels = {{"disk", "fast"}};
  EXPECT_EQ(scheduler.choose(demand).hosts, (Ids{"b", "c"}));
  demand.labels["zone"] = "c";
  EXPECT_EQ(scheduler.choose(demand).hosts, Ids{"c"});
  demand.labels["zone"] = "d";
  EXPECT_TRUE(scheduler.choose(demand).hosts.empty());
  EXPECT_EQ(scheduler.explain(demand).message,
            "no host that it could be on has the labels disk=fast, zone=d");
  demand.only_on = "b";
  EXPECT_TRUE(scheduler.choose(demand).hosts.empty());
  demand.labels["zone"] = "b";
  EXPECT_EQ(scheduler.choose(demand).hosts, Ids{"b"});
}

TEST(SchedulerTest, TheOnlyHostIsTriedWhateverIsKnownOfIt) {
  Scheduler scheduler(1);
  scheduler.set_hosts({host("a", {.vcpus = 1}), host("b")});
  Demand demand = small();
  demand.only_on = "a";
  EXPECT_TRUE(scheduler.choose(demand).have_room);
  scheduler.set_load("a", {.vcpus = 1});
  EXPECT_EQ(scheduler.choose(demand).hosts, Ids{"a"});
  EXPECT_FALSE(scheduler.choose(demand).have_room);
  EXPECT_TRUE(scheduler.explain(demand).message.contains("1 of 1 host (at most 0 left)"));
  demand.only_on = "unknown";
  EXPECT_EQ(scheduler.choose(demand).hosts, Ids{"unknown"});
}

TEST(SchedulerTest, AHostThatHasTheTemplateReadyIsPreferredUntilItIsFuller) {
  Scheduler scheduler(1);
  const Amounts most{.vcpus = 40, .memory_mb = 40'000, .disk_mb = 4'000'000};
  scheduler.set_hosts({host("a", most), host("b", most)});
  Demand demand{.amounts = {.vcpus = 2, .memory_mb = 1000, .disk_mb = 5120}};
  demand.recipe = recipe_of("minimal", demand.amounts);
  scheduler.add_recipe("b", demand.recipe);
  int on_b = 0;
  while (scheduler.choose(demand).hosts.front() == "b" && on_b < 100) {
    scheduler.add_load("b", demand.amounts);
    ++on_b;
  }
  EXPECT_GT(on_b, 1);
  EXPECT_LT(on_b, 10);
  EXPECT_EQ(scheduler.choose(small()).hosts.front(), "a") << "others have no reason";
  EXPECT_TRUE(recipe_of("any", small().amounts).empty()) << "that is ready everywhere";
}

TEST(SchedulerTest, WhatIsKnownOfHostsSurvivesThatOthersComeAndGo) {
  Scheduler scheduler(1);
  scheduler.set_hosts({host("a"), host("b"), host("c")});
  scheduler.set_load("c", {.vcpus = 7});
  scheduler.add_recipe("c", "r");
  scheduler.add_recipe("a", "r");
  scheduler.set_hosts({host("b"), host("c"), host("d")});
  EXPECT_EQ(scheduler.load("c"), (Amounts{.vcpus = 7}));
  EXPECT_EQ(scheduler.load("d"), Amounts());
  EXPECT_FALSE(scheduler.load("a"));
  Demand demand = small();
  demand.recipe = "r";
  scheduler.set_load("c", {});
  EXPECT_EQ(scheduler.choose(demand).hosts.front(), "c");
}

TEST(SchedulerTest, AHostThatIsReallyShortComesLast) {
  Scheduler scheduler(1);
  std::vector<HostFacts> hosts = {host("a"), host("b"), host("c")};
  hosts[0].memory_free_mb = 100;
  hosts[0].free_share = 0.01F;
  hosts[1].memory_free_mb = 4000;
  hosts[1].free_share = 0.3F;
  hosts[2].memory_free_mb = 8000;
  hosts[2].free_share = 0.6F;
  scheduler.set_hosts(hosts);
  scheduler.set_load("b", {.vcpus = 1});
  scheduler.set_load("c", {.vcpus = 1});
  EXPECT_EQ(scheduler.choose(small()).hosts, (Ids{"c", "b", "a"}));
}

// As a large fleet fills up.
TEST(SchedulerTest, NothingIsRefusedWhileAnyHostHasRoom) {
  constexpr int kHosts = 100;
  constexpr int kEach = 4;
  Scheduler scheduler(7);
  scheduler.set_hosts(many_hosts(kHosts, {.vcpus = kEach}));
  std::set<std::string> used;
  for (int i = 0; i < kHosts * kEach; ++i) {
    const Candidates chosen = scheduler.choose(small());
    ASSERT_TRUE(chosen.have_room) << i;
    ASSERT_LE(chosen.hosts.size(), Scheduler::kCandidates);
    used.insert(chosen.hosts.front());
    scheduler.add_load(chosen.hosts.front(), small().amounts);
  }
  EXPECT_EQ(used.size(), 100u);
  EXPECT_FALSE(scheduler.choose(small()).have_room);
}

TEST(SchedulerTest, ALargeFleetIsEvenlyFilled) {
  constexpr int kHosts = 1000;
  Scheduler scheduler(7);
  scheduler.set_hosts(many_hosts(kHosts, {.vcpus = 100}));
  for (int i = 0; i < kHosts * 50; ++i) {
    scheduler.add_load(scheduler.choose(small()).hosts.front(), small().amounts);
  }
  for (int i = 0; i < kHosts; ++i) {
    const auto load = scheduler.load(concat("host-", i));
    EXPECT_GE(load->vcpus, 45);
    EXPECT_LE(load->vcpus, 55);
  }
}

TEST(SchedulerTest, AFewReadyOnesAreFoundOnALargeFleet) {
  Scheduler scheduler(7);
  scheduler.set_hosts(many_hosts(5000, {.vcpus = 1000, .memory_mb = 1 << 20}));
  scheduler.add_recipe("host-4321", "r");
  Demand demand = small();
  demand.recipe = "r";
  EXPECT_EQ(scheduler.choose(demand).hosts.front(), "host-4321");
}

}  // namespace
}  // namespace wrenn::control
