// Sandboxes get a place on a host in the same transaction as their row, so that nobody fills one
// beyond what it may promise.
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "db/host_registry.h"
#include "db/host_store.h"
#include "db/sandbox_store.h"
#include "db/team.h"
#include "db/test_database.h"

namespace wrenn::db {
namespace {

using enum SandboxState;
using Hosts = std::vector<std::string>;

constexpr Overcommit kNone{.vcpus = 1, .memory = 1, .disk = 1};

class SandboxStorePlacementTest : public testing::Test {
 protected:
  void add_host(const std::string& id, const HostCapacity& capacity) {
    HostStore hosts(test_.database, test_.clock());
    Host host;
    host.id = host.name = id;
    ASSERT_TRUE(hosts.upsert(host));
    ASSERT_TRUE(hosts.heartbeat(id, HostReport{.arch = "amd64", .capacity = capacity}).value());
  }
  static Sandbox sandbox(const std::string& id) {
    Sandbox row;
    row.id = id;
    row.team_id = kDefaultTeam;
    row.template_name = "minimal";
    row.status = kStarting;
    row.vcpus = 1;
    row.memory_mb = 100;
    row.disk_mb = 1000;
    return row;
  }
  // The host it got; empty: none had room.
  std::string insert(const std::string& id, const Hosts& hosts) {
    const auto placed = store_.insert_on({sandbox(id)}, hosts);
    EXPECT_TRUE(placed) << placed.error().to_string();
    if (!placed || placed->outcome != Placing::kDone) return "";
    EXPECT_EQ(placed->inserted.front().host_id, placed->host_id);
    return placed->host_id;
  }
  void change(const std::string& id, const std::vector<SandboxState>& way) {
    for (std::size_t i = 1; i < way.size(); ++i) {
      ASSERT_TRUE(store_.transition(id, {way[i - 1]}, way[i], {.pause_mode = "memory"}).value());
    }
  }

  TestDatabase test_;
  SandboxStore store_{test_.database, test_.clock(), "", kNone};
};

TEST_F(SandboxStorePlacementTest, TheFirstWithRoomIsTaken) {
  add_host("host-a", {.cpu_cores = 2});
  add_host("host-b", {.memory_mb = 100});
  const Hosts both = {"host-a", "host-b"};
  EXPECT_EQ(insert("cl-1", both), "host-a");
  EXPECT_EQ(insert("cl-2", both), "host-a");
  EXPECT_EQ(insert("cl-3", both), "host-b");
  const auto full = store_.insert_on({sandbox("cl-4")}, both).value();
  EXPECT_EQ(full.outcome, Placing::kNoRoom);
  EXPECT_EQ(full.loads.at("host-a"), (Amounts{2, 200, 2000}));
  EXPECT_EQ(full.loads.at("host-b"), (Amounts{1, 100, 1000}));
  EXPECT_FALSE(store_.get_any_team("cl-4"));
  change("cl-2", {kStarting, kStopped});
  EXPECT_EQ(insert("cl-5", both), "host-a");
}

TEST_F(SandboxStorePlacementTest, SeveralAreOnOneHostOrNone) {
  add_host("host-a", {.cpu_cores = 3});
  EXPECT_EQ(insert("cl-1", {"host-a"}), "host-a");
  const auto three =
      store_.insert_on({sandbox("cl-2"), sandbox("cl-3"), sandbox("cl-4")}, {"host-a"});
  EXPECT_EQ(three->outcome, Placing::kNoRoom);
  const auto two = store_.insert_on({sandbox("cl-2"), sandbox("cl-3")}, {"host-a"});
  EXPECT_EQ(two->outcome, Placing::kDone);
  EXPECT_EQ(two->inserted.size(), 2u);
}

TEST_F(SandboxStorePlacementTest, WhatRestsLeavesRoomAndNeedsItAgain) {
  add_host("host-a", {.cpu_cores = 1, .disk_mb = 2000});
  add_host("host-b", {.cpu_cores = 1});
  EXPECT_EQ(insert("cl-1", {"host-a"}), "host-a");
  change("cl-1", {kStarting, kRunning, kPausing, kPaused});
  EXPECT_EQ(insert("cl-2", {"host-a"}), "host-a");
  EXPECT_EQ(store_.begin_resume("cl-1", kPaused, {"host-a"})->outcome, Placing::kNoRoom);
  EXPECT_EQ(store_.get_any_team("cl-1")->status, kPaused);
  change("cl-2", {kStarting, kRunning, kPausing, kPaused});
  EXPECT_EQ(insert("cl-3", {"host-a"}), "") << "the disks of both are there";
  EXPECT_EQ(store_.begin_resume("cl-1", kPaused, {"host-a"})->outcome, Placing::kDone);
  EXPECT_EQ(store_.begin_resume("cl-1", kPaused, {"host-a"})->outcome, Placing::kNotWanted);

  // From object storage it comes back on any host.
  change("cl-2", {kPaused, kHibernating, kHibernated});
  const auto woken = store_.begin_resume("cl-2", kHibernated, {"host-a", "host-b"}).value();
  EXPECT_EQ(woken.outcome, Placing::kDone);
  EXPECT_EQ(woken.host_id, "host-b");
  EXPECT_EQ(store_.get_any_team("cl-2")->host_id, "host-b");
}

TEST_F(SandboxStorePlacementTest, AnotherHostNeedsRoomToo) {
  add_host("host-a", {.cpu_cores = 1});
  add_host("host-b", {.cpu_cores = 1});
  EXPECT_EQ(insert("cl-1", {"host-a"}), "host-a");
  EXPECT_EQ(insert("cl-2", {"host-b"}), "host-b");
  EXPECT_EQ(store_.move_to_host("cl-1", kStarting, {"host-b"})->outcome, Placing::kNoRoom);
  change("cl-2", {kStarting, kError});
  EXPECT_EQ(store_.move_to_host("cl-1", kStarting, {"host-b"})->host_id, "host-b");
  EXPECT_EQ(store_.move_to_host("cl-2", kStarting, {"host-a"})->outcome, Placing::kNotWanted);
}

TEST_F(SandboxStorePlacementTest, DrainedAndUnknownHostsTakeNothing) {
  add_host("host-a", {});
  add_host("host-b", {});
  ASSERT_TRUE(HostRegistry(test_.database).set_draining("host-a", Draining::kYes).value());
  EXPECT_EQ(insert("cl-1", {"host-none", "host-a", "host-b"}), "host-b") << "which has no limit";
  EXPECT_EQ(insert("cl-2", {"host-a"}), "");
}

TEST_F(SandboxStorePlacementTest, KeepsWhatItAsksOfAHost) {
  add_host("host-a", {});
  Sandbox row = sandbox("cl-1");
  row.host_labels = {{"zone", "a"}};
  ASSERT_TRUE(store_.insert_on({row}, {"host-a"}));
  EXPECT_EQ(store_.get_any_team("cl-1")->host_labels, row.host_labels);
}

// Many threads and two programs, room for exactly so many.
TEST_F(SandboxStorePlacementTest, NoHostIsEverOverfilled) {
  constexpr int kThreads = 8;
  constexpr int kEach = 8;
  constexpr int kRoom = 11;
  add_host("host-a", {.cpu_cores = 5});
  add_host("host-b", {.memory_mb = 600});
  Database other = test_.reopen();
  SandboxStore elsewhere(other, test_.clock(), "", kNone);
  std::atomic<int> placed = 0;
  std::atomic<int> refused = 0;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      SandboxStore& store = thread % 2 == 0 ? store_ : elsewhere;
      const Hosts hosts = thread % 4 < 2 ? Hosts{"host-a", "host-b"} : Hosts{"host-b", "host-a"};
      for (int i = 0; i < kEach; ++i) {
        const auto done = store.insert_on({sandbox(base::concat("cl-", thread, "-", i))}, hosts);
        // A busy database is no answer.
        if (!done) --i;
        if (done) ++(done->outcome == Placing::kDone ? placed : refused);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(placed, kRoom);
  EXPECT_EQ(refused, kThreads * kEach - kRoom);
  EXPECT_EQ(store_.list_by_host("host-a")->size(), 5u);
  EXPECT_EQ(store_.list_by_host("host-b")->size(), 6u);
}

}  // namespace
}  // namespace wrenn::db
