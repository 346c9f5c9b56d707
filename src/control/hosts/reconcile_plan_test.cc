#include "control/hosts/reconcile_plan.h"

#include <gtest/gtest.h>

#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using db::Sandbox;
using db::SandboxState;
using hostagent::v1::ListSandboxesResponse;

constexpr std::int64_t kNow = 1'700'000'000'000;

Sandbox row(std::string id, SandboxState status) {
  Sandbox sandbox;
  sandbox.id = std::move(id);
  sandbox.status = status;
  sandbox.created_at = sandbox.updated_at = kNow - 10'000;
  sandbox.last_active_at = kNow - 10'000;
  return sandbox;
}

ListSandboxesResponse host(std::initializer_list<std::pair<const char*, const char*>> sandboxes) {
  ListSandboxesResponse response;
  for (const auto& [id, status] : sandboxes) {
    auto* info = response.add_sandboxes();
    info->set_sandbox_id(id);
    info->set_status(status);
    info->set_last_active_at_unix(kNow / 1000 - 10);
  }
  return response;
}

// The fate of the one row: the state it goes to, or "-".
std::string fate(const Sandbox& sandbox, const ListSandboxesResponse& on_host) {
  const auto plan = make_plan({sandbox}, on_host, {}, kNow);
  if (plan.fixes.empty()) return "-";
  EXPECT_EQ(plan.fixes.front().id, sandbox.id);
  return std::string(db::state_name(plan.fixes.front().to));
}

TEST(ReconcilePlanTest, LeavesAgreementAlone) {
  const auto plan =
      make_plan({row("a", SandboxState::kRunning)}, host({{"a", "running"}}), {}, kNow);
  EXPECT_TRUE(plan.fixes.empty() && plan.used.empty() && plan.unknown.empty() &&
              plan.ruins.empty());
}

TEST(ReconcilePlanTest, LeavesToAnotherControlPlaneWhatThatChanges) {
  Sandbox held = row("a", SandboxState::kStarting);
  held.holder = "cp-2";
  held.held_until = kNow + 1;
  EXPECT_TRUE(make_plan({held}, host({}), {}, kNow, 0, "cp-1").fixes.empty());
  EXPECT_TRUE(make_plan({held}, host({{"a", "error"}}), {}, kNow, 0, "cp-1").ruins.empty());
  EXPECT_EQ(make_plan({held}, host({}), {}, kNow, 0, "cp-2").fixes.size(), 1U) << "its own";
  held.held_until = kNow;
  EXPECT_EQ(make_plan({held}, host({}), {}, kNow, 0, "cp-1").fixes.size(), 1U) << "that is gone";
  Sandbox woken = row("a", SandboxState::kResuming);
  woken.archive = db::Archive::kCurrent;
  woken.holder = "cp-2";
  woken.held_until = kNow + 1;
  EXPECT_TRUE(plan_for_silence({woken}, {}, kNow, "cp-1").fixes.empty());
  EXPECT_EQ(plan_for_silence({woken}, {}, kNow, "cp-2").fixes.size(), 1U);
}

TEST(ReconcilePlanTest, WhatIsGoneFromTheHostIsMissingAndThenStopped) {
  EXPECT_EQ(fate(row("a", SandboxState::kRunning), host({})), "missing");
  EXPECT_EQ(fate(row("a", SandboxState::kMissing), host({})), "-");
  Sandbox old = row("a", SandboxState::kMissing);
  old.updated_at = kNow - 61'000;
  EXPECT_EQ(fate(old, host({})), "stopped");
  EXPECT_EQ(fate(old, host({{"a", "running"}})), "running");
}

TEST(ReconcilePlanTest, AnIdleSandboxItsHostRemovedIsStopped) {
  Sandbox idle = row("a", SandboxState::kRunning);
  idle.timeout_sec = 10;
  EXPECT_EQ(fate(idle, host({})), "missing") << "it was to be paused";
  idle.on_timeout = "kill";
  EXPECT_EQ(fate(idle, host({})), "stopped");
  idle.timeout_sec = 100;
  EXPECT_EQ(fate(idle, host({})), "missing");
  idle.end_at = kNow - 1000;
  EXPECT_EQ(fate(idle, host({})), "stopped");
}

TEST(ReconcilePlanTest, WhatAnEarlierControlPlaneBeganIsAdoptedOrGivenUp) {
  for (const auto state : {SandboxState::kPending, SandboxState::kStarting}) {
    EXPECT_EQ(fate(row("a", state), host({{"a", "running"}})), "running");
    EXPECT_EQ(fate(row("a", state), host({{"a", "starting"}})), "-");
    EXPECT_EQ(fate(row("a", state), host({})), "error");
  }
}

TEST(ReconcilePlanTest, WhatTheHostSaysSettlesAPauseOrAResume) {
  for (const auto state : {SandboxState::kPausing, SandboxState::kResuming}) {
    EXPECT_EQ(fate(row("a", state), host({{"a", "running"}})), "running");
    EXPECT_EQ(fate(row("a", state), host({{"a", "paused"}})), "paused");
    EXPECT_EQ(fate(row("a", state), host({{"a", "pausing"}})), "-");
    EXPECT_EQ(fate(row("a", state), host({})), "missing");
  }
  EXPECT_EQ(fate(row("a", SandboxState::kRunning), host({{"a", "paused"}})), "paused");
  EXPECT_EQ(fate(row("a", SandboxState::kPaused), host({{"a", "paused"}})), "-");
  EXPECT_EQ(fate(row("a", SandboxState::kMissing), host({{"a", "paused"}})), "paused");
  const auto woken =
      make_plan({row("a", SandboxState::kPaused)}, host({{"a", "running"}}), {}, kNow);
  ASSERT_EQ(woken.fixes.size(), 2u);
  EXPECT_EQ(woken.fixes.back().to, SandboxState::kRunning);
}

TEST(ReconcilePlanTest, APausedSandboxIsNeverGivenUp) {
  Sandbox paused = row("a", SandboxState::kMissing);
  paused.updated_at = 0;
  EXPECT_EQ(fate(paused, host({})), "stopped");
  paused.pause_mode = "memory";
  EXPECT_EQ(fate(paused, host({})), "-");
}

TEST(ReconcilePlanTest, ASilentHostLosesNothing) {
  const auto plan =
      plan_for_silence({row("a", SandboxState::kRunning), row("b", SandboxState::kPaused),
                        row("c", SandboxState::kStarting), row("d", SandboxState::kHibernated),
                        row("e", SandboxState::kHibernating)},
                       {});
  ASSERT_EQ(plan.fixes.size(), 2u);
  for (const auto& fix : plan.fixes) EXPECT_EQ(fix.to, SandboxState::kMissing);
  Sandbox old = row("a", SandboxState::kMissing);
  old.updated_at = 0;
  EXPECT_TRUE(make_plan({old}, host({}), {}, kNow, kNow - 60'000).fixes.empty());
  EXPECT_EQ(make_plan({old}, host({}), {}, kNow, kNow - 60'001).fixes.size(), 1u);
}

TEST(ReconcilePlanTest, NobodyMissesAHibernatedOne) {
  Sandbox stored = row("a", SandboxState::kHibernated);
  stored.archive = db::Archive::kCurrent;
  stored.updated_at = 0;
  EXPECT_EQ(fate(stored, host({})), "-");
  EXPECT_EQ(fate(row("a", SandboxState::kHibernating), host({})), "hibernated");
  EXPECT_EQ(fate(row("a", SandboxState::kHibernating), host({{"a", "paused"}})), "paused");
  EXPECT_EQ(fate(row("a", SandboxState::kHibernating), host({{"a", "hibernating"}})), "-");
}

TEST(ReconcilePlanTest, AWakeThatNobodyFinishedIsSettled) {
  Sandbox stored = row("a", SandboxState::kResuming);
  stored.archive = db::Archive::kCurrent;
  EXPECT_EQ(fate(stored, host({})), "hibernated");
  EXPECT_EQ(fate(stored, host({{"a", "running"}})), "running");
  EXPECT_EQ(plan_for_silence({stored}, {}).fixes.at(0).to, SandboxState::kHibernated);
  BusySandboxes busy;
  const BusySandboxes::Mark mark(busy, "a");
  EXPECT_TRUE(plan_for_silence({stored}, busy).fixes.empty()) << "somebody is at it";
  // One that was given up and ran all the same.
  stored.status = SandboxState::kHibernated;
  const auto alive = make_plan({stored}, host({{"a", "running"}}), {}, kNow);
  ASSERT_EQ(alive.fixes.size(), 2u);
  EXPECT_EQ(alive.fixes.back().to, SandboxState::kRunning);
  const auto paused = make_plan({stored}, host({{"a", "paused"}}), {}, kNow);
  ASSERT_EQ(paused.fixes.size(), 2u);
  EXPECT_EQ(paused.fixes.back().to, SandboxState::kPaused);
}

TEST(ReconcilePlanTest, RequestsInProgressAreLeftAlone) {
  BusySandboxes busy;
  const BusySandboxes::Mark a(busy, "a");
  const BusySandboxes::Mark b(busy, "b");
  const auto plan =
      make_plan({row("a", SandboxState::kStarting)}, host({{"b", "running"}}), busy, kNow);
  EXPECT_TRUE(plan.fixes.empty());
  EXPECT_TRUE(plan.unknown.empty());
}

TEST(ReconcilePlanTest, FindsUnknownRuinedAndUsedOnes) {
  auto on_host = host({{"a", "running"}, {"b", "running"}, {"c", "error"}});
  on_host.mutable_sandboxes(0)->set_last_active_at_unix(kNow / 1000);
  const auto plan = make_plan({row("a", SandboxState::kRunning), row("c", SandboxState::kRunning)},
                              on_host, {}, kNow);
  EXPECT_EQ(plan.used, std::vector<std::string>{"a"});
  EXPECT_EQ(plan.unknown, std::vector<std::string>{"b"});
  EXPECT_EQ(plan.ruins, std::vector<std::string>{"c"});
  ASSERT_EQ(plan.fixes.size(), 1u);
  EXPECT_EQ(plan.fixes.front().to, SandboxState::kMissing);
}

TEST(ReconcilePlanTest, OnlyLegalTransitions) {
  for (const auto state : db::kAllSandboxStates) {
    for (const auto& on_host :
         {host({}), host({{"a", "running"}}), host({{"a", "error"}}), host({{"a", "paused"}})}) {
      Sandbox sandbox = row("a", state);
      sandbox.updated_at = 0;
      for (const auto& fix : make_plan({sandbox}, on_host, {}, kNow).fixes) {
        for (const auto from : fix.from) EXPECT_TRUE(db::may_change(from, fix.to));
      }
    }
  }
}

}  // namespace
}  // namespace wrenn::control
