#include "db/quota_store.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "db/host_store.h"
#include "db/sandbox_store.h"
#include "db/team.h"
#include "db/test_database.h"

namespace wrenn::db {
namespace {

using base::Code;
using enum SandboxState;

constexpr std::int64_t kMinute = 60'000;

class QuotaStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto made = test_.database.write().execute(
        "INSERT INTO teams (id, name, created_at) VALUES ($1, 'others', 0)", {team_});
    ASSERT_TRUE(made) << made.error().to_string();
    Host host;
    host.id = host.name = "host-a";
    ASSERT_TRUE(HostStore(test_.database).upsert(host));
  }
  Sandbox sandbox() {
    Sandbox row;
    row.id = base::concat("cl-", ++count_);
    row.team_id = team_;
    row.template_name = "minimal";
    row.vcpus = 2;
    row.memory_mb = 512;
    row.disk_mb = 1000;
    return row;
  }
  void set(const Quota& quota) { set(team_, quota); }
  void set(std::string_view team, const Quota& quota) {
    const auto stored = store_.set(team, quota);
    ASSERT_TRUE(stored && *stored);
  }
  // The id, or what the refusal says.
  std::string insert() {
    const auto made = sandboxes_.insert(sandbox());
    if (made) return made->id;
    EXPECT_EQ(made.error().code, Code::kOutOfRange) << made.error().to_string();
    return made.error().to_string();
  }
  void change(const std::string& id, SandboxState from, SandboxState to) {
    const auto changed = sandboxes_.transition(id, {from}, to, {.pause_mode = "memory"});
    ASSERT_TRUE(changed && *changed) << id;
  }
  void pause(const std::string& id) {
    change(id, kPending, kRunning);
    change(id, kRunning, kPausing);
    change(id, kPausing, kPaused);
  }

  const std::string team_ = "team-1";
  TestDatabase test_;
  SandboxStore sandboxes_{test_.database, test_.clock()};
  QuotaStore store_{test_.database, test_.clock()};
  int count_ = 0;
};

TEST_F(QuotaStoreTest, AreKeptAndTakenAway) {
  EXPECT_FALSE(*store_.get(team_));
  set({.sandboxes = 3, .disk_mb = 5000});
  EXPECT_EQ((*store_.get(team_))->quota, (Quota{.sandboxes = 3, .disk_mb = 5000}));
  set({.vcpus = 0});
  EXPECT_EQ((*store_.get(team_))->quota, Quota{.vcpus = 0});
  EXPECT_TRUE(*store_.remove(team_));
  EXPECT_FALSE(*store_.remove(team_));
  EXPECT_FALSE(*store_.get(team_));
  EXPECT_EQ(store_.set("team-none", {}).error().code, Code::kNotFound);
}

TEST_F(QuotaStoreTest, WhoChangesThemHasSeenWhatIsThere) {
  const auto first = store_.set(team_, {.sandboxes = 1}, 0);
  ASSERT_TRUE(first && *first);
  EXPECT_FALSE(*store_.set(team_, {.sandboxes = 2}, 0)) << "there is one by now";
  const auto second = store_.set(team_, {.sandboxes = 3}, (*first)->updated_at);
  ASSERT_TRUE(second && *second);
  EXPECT_FALSE(*store_.set(team_, {.sandboxes = 4}, (*first)->updated_at)) << "no time has passed";
  EXPECT_EQ((*store_.get(team_))->quota.sandboxes, 3);
}

TEST_F(QuotaStoreTest, ThatOfAllHoldsForWhoHasNone) {
  set(kQuotaOfAll, {.sandboxes = 5, .vcpus = 7});
  EXPECT_EQ(*store_.effective(team_), (Quota{.sandboxes = 5, .vcpus = 7}));
  EXPECT_EQ(*store_.effective(kDefaultTeam), Quota()) << "not for the platform's own";
  set({.memory_mb = 9});
  EXPECT_EQ(*store_.effective(team_), Quota{.memory_mb = 9}) << "instead, not besides";
  set(kDefaultTeam, {.disk_mb = 1});
  EXPECT_EQ(*store_.effective(kDefaultTeam), Quota{.disk_mb = 1});
}

TEST_F(QuotaStoreTest, EachLimitIsNamedWhenItIsReached) {
  EXPECT_EQ(insert(), "cl-1");
  set({.sandboxes = 1});
  EXPECT_EQ(insert(),
            "the team's quota is 1 sandboxes, of which 1 are in use, and this asks for 1 "
            "(destroy some, or have an administrator raise the quota)");
  set({.vcpus = 3});
  EXPECT_TRUE(insert().contains("3 vcpus, of which 2 are in use, and this asks for 2"));
  set({.memory_mb = 1023});
  EXPECT_TRUE(insert().contains("1023 memory_mb, of which 512"));
  set({.disk_mb = 1999});
  EXPECT_TRUE(insert().contains("1999 disk_mb, of which 1000"));
  set({.sandboxes = 2, .vcpus = 4, .memory_mb = 1024, .disk_mb = 2000});
  EXPECT_EQ(insert(), base::concat("cl-", count_));
}

TEST_F(QuotaStoreTest, WhatRestsTakesUpDiskOnly) {
  const std::string id = insert();
  EXPECT_EQ(store_.use(team_)->vcpus, 2) << "it is about to run";
  pause(id);
  const QuotaUse use = *store_.use(team_);
  EXPECT_EQ(use.sandboxes, 1);
  EXPECT_EQ(use.vcpus, 0);
  EXPECT_EQ(use.memory_mb, 0);
  EXPECT_EQ(use.disk_mb, 1000);
  change(id, kPaused, kMissing);
  EXPECT_EQ(store_.use(team_)->vcpus, 0) << "it is paused wherever it is";
  change(id, kMissing, kStopped);
  EXPECT_EQ(store_.use(team_)->sandboxes, 0);
}

TEST_F(QuotaStoreTest, ResumingNeedsRoomToo) {
  const std::string paused = insert();
  pause(paused);
  set({.vcpus = 3});
  const std::string other = insert();
  const auto refused = sandboxes_.begin_resume(paused, kPaused, {"host-a"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kOutOfRange);
  EXPECT_EQ(sandboxes_.get(team_, paused)->status, kPaused);
  change(other, kPending, kError);
  EXPECT_EQ(sandboxes_.begin_resume(paused, kPaused, {"host-a"})->outcome, Placing::kDone);
  EXPECT_EQ(sandboxes_.begin_resume(paused, kPaused, {"host-a"})->outcome, Placing::kNotWanted)
      << "it is under way";
}

TEST_F(QuotaStoreTest, WhatAHostSaysIsNeverRefused) {
  const std::string paused = insert();
  pause(paused);
  set({.vcpus = 0});
  change(paused, kPaused, kResuming);
  change(paused, kResuming, kRunning);
}

TEST_F(QuotaStoreTest, ForksAreAllMadeOrNone) {
  set({.sandboxes = 3});
  EXPECT_EQ(insert(), "cl-1");
  EXPECT_FALSE(sandboxes_.insert_all({sandbox(), sandbox(), sandbox()}));
  EXPECT_EQ(store_.use(team_)->sandboxes, 1);
  EXPECT_EQ(sandboxes_.insert_all({sandbox(), sandbox()})->size(), 2U);
}

TEST_F(QuotaStoreTest, CreatesAreCountedByTheMinute) {
  set({.creates_per_minute = 2});
  EXPECT_EQ(insert(), "cl-1");
  test_.now += 20'000;
  EXPECT_EQ(insert(), "cl-2");
  EXPECT_TRUE(insert().contains("(ask again in 40 s)"));
  EXPECT_EQ(*store_.create_wait_ms(team_, 1), 40'000);
  EXPECT_EQ(*store_.create_wait_ms(team_, 2), kMinute);
  EXPECT_EQ(*store_.create_wait_ms(team_, 3), 0) << "never";
  EXPECT_TRUE(sandboxes_.insert_all({sandbox(), sandbox(), sandbox()})
                  .error()
                  .to_string()
                  .contains("(ask for at most 2 at once)"));
  test_.now += 40'000;
  EXPECT_EQ(*store_.create_wait_ms(team_, 1), 0);
  EXPECT_EQ(insert(), base::concat("cl-", count_));
  EXPECT_TRUE(insert().contains("2 sandboxes a minute"));
}

TEST_F(QuotaStoreTest, OfManyWhoWantTheLastPlacesNobodyGetsTooMuch) {
  constexpr int kThreads = 8;
  constexpr int kPlaces = 3;
  set({.sandboxes = kPlaces});
  std::vector<Sandbox> wanted;
  for (int i = 0; i < kThreads; ++i) wanted.push_back(sandbox());
  std::atomic<int> made = 0;
  {
    std::vector<std::jthread> threads;
    for (const Sandbox& row : wanted) {
      threads.emplace_back([this, &row, &made] { made += sandboxes_.insert(row) ? 1 : 0; });
    }
  }
  EXPECT_EQ(made, kPlaces);
  EXPECT_EQ(store_.use(team_)->sandboxes, kPlaces);
}

}  // namespace
}  // namespace wrenn::db
