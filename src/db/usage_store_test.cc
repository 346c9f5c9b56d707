#include "db/usage_store.h"

#include <gtest/gtest.h>

#include "db/sandbox_store.h"
#include "db/test_database.h"

namespace wrenn::db {
namespace {

using enum SandboxState;

class UsageStoreTest : public testing::Test {
 protected:
  void SetUp() override { begin_ = test_.now; }
  void add(const std::string& id, int vcpus, int memory_mb) {
    Sandbox sandbox;
    sandbox.id = id;
    sandbox.team_id = kDefaultTeam;
    sandbox.template_name = "minimal";
    sandbox.vcpus = vcpus;
    sandbox.memory_mb = memory_mb;
    ASSERT_TRUE(sandboxes_.insert(sandbox));
  }
  void change(const std::string& id, SandboxState from, SandboxState to) {
    const auto changed = sandboxes_.transition(id, {from}, to);
    ASSERT_TRUE(changed) << changed.error().to_string();
    ASSERT_TRUE(*changed);
  }
  void pass(std::int64_t ms) { test_.now += ms; }
  TeamUsage usage(std::int64_t from, std::int64_t to) {
    const auto read = store_.usage(kDefaultTeam, {begin_ + from, begin_ + to});
    EXPECT_TRUE(read) << read.error().to_string();
    return read.value_or(TeamUsage());
  }
  TeamLoad current() { return store_.current(kDefaultTeam).value(); }

  TestDatabase test_;
  SandboxStore sandboxes_{test_.database, test_.clock()};
  UsageStore store_{test_.database, test_.clock()};
  std::int64_t begin_ = 0;
};

TEST_F(UsageStoreTest, WhatRunsCountsInFullAndWhatIsPausedByHalf) {
  add("cl-a", 2, 513);
  EXPECT_EQ(current(), TeamLoad()) << "it does not run yet";
  pass(10);
  change("cl-a", kPending, kRunning);
  EXPECT_EQ(current(), (TeamLoad{1, 2, 513}));
  pass(100);
  change("cl-a", kRunning, kPausing);
  pass(5);
  change("cl-a", kPausing, kPaused);
  EXPECT_EQ(current(), (TeamLoad{0, 0, 257}));
  pass(1000);
  change("cl-a", kPaused, kResuming);
  pass(20);
  change("cl-a", kResuming, kRunning);
  pass(50);
  change("cl-a", kRunning, kStopped);
  EXPECT_EQ(current(), TeamLoad());
  pass(1000);
  const TeamUsage all{2 * 155, 513 * 155 + 257 * 1020};
  EXPECT_EQ(usage(0, 100'000), all);
  // In parts, and the parts are the whole.
  const TeamUsage first = usage(0, 60);
  EXPECT_EQ(first, (TeamUsage{2 * 50, 513 * 50}));
  const TeamUsage rest = usage(60, 100'000);
  EXPECT_EQ(first.cpu_ms + rest.cpu_ms, all.cpu_ms);
  EXPECT_EQ(first.memory_mb_ms + rest.memory_mb_ms, all.memory_mb_ms);
  EXPECT_EQ(store_.usage("team-other", {0, test_.now}).value(), TeamUsage());
}

TEST_F(UsageStoreTest, WhatGoesOnCountsUpToNow) {
  add("cl-a", 1, 512);
  change("cl-a", kPending, kRunning);
  pass(40);
  EXPECT_EQ(usage(0, 1'000'000).cpu_ms, 40);
  EXPECT_EQ(usage(1'000'000, 2'000'000), TeamUsage());
  // A change that is lost to somebody else changes nothing here either.
  EXPECT_FALSE(sandboxes_.transition("cl-a", {kPaused}, kStopped).value());
  pass(10);
  EXPECT_EQ(usage(0, 1'000'000).cpu_ms, 50);
}

TEST_F(UsageStoreTest, TheSeriesHasTheMostOfEachPart) {
  add("cl-a", 1, 100);
  add("cl-b", 2, 200);
  pass(5);
  change("cl-a", kPending, kRunning);
  pass(10);  // 15
  change("cl-b", kPending, kRunning);
  pass(2);  // 17
  change("cl-b", kRunning, kStopped);
  pass(25);  // 42
  change("cl-a", kRunning, kStopped);
  const auto parts = store_.series(kDefaultTeam, begin_, 10, 6);
  ASSERT_TRUE(parts) << parts.error().to_string();
  const TeamLoad one{1, 1, 100};
  EXPECT_EQ(*parts, (std::vector<TeamLoad>{one, {2, 3, 300}, one, one, one, {}}));
  // From the middle of it.
  EXPECT_EQ(store_.series(kDefaultTeam, begin_ + 20, 10, 2).value(),
            (std::vector<TeamLoad>{one, one}));
  EXPECT_EQ(store_.series(kDefaultTeam, begin_, 1000, 1).value().front(), (TeamLoad{2, 3, 300}));
  EXPECT_EQ(store_.series("team-other", begin_, 10, 2).value(), std::vector<TeamLoad>(2));
}

TEST_F(UsageStoreTest, AChangeOfKindAtOneMomentIsNoPeak) {
  add("cl-a", 1, 100);
  change("cl-a", kPending, kRunning);
  pass(10);
  change("cl-a", kRunning, kPaused);
  change("cl-a", kPaused, kResuming);
  change("cl-a", kResuming, kRunning);
  EXPECT_EQ(store_.series(kDefaultTeam, begin_, 100, 1).value().front(), (TeamLoad{1, 1, 100}));
}

}  // namespace
}  // namespace wrenn::db
