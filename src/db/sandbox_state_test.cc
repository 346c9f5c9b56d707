#include "db/sandbox_state.h"

#include <gtest/gtest.h>

namespace wrenn::db {
namespace {

using enum SandboxState;

TEST(SandboxStateTest, NamesGoBothWays) {
  for (const auto state : kAllSandboxStates) EXPECT_EQ(state_from_name(state_name(state)), state);
  EXPECT_EQ(state_name(kHibernated), "hibernated");
  EXPECT_EQ(state_from_name("Running"), std::nullopt);
  EXPECT_EQ(state_from_name(""), std::nullopt);
}

TEST(SandboxStateTest, NeverToItselfAndNeverBackToTheStart) {
  for (const auto state : kAllSandboxStates) {
    EXPECT_FALSE(may_change(state, state)) << state_name(state);
    EXPECT_FALSE(may_change(state, kPending)) << state_name(state);
    EXPECT_EQ(may_change(state, kStarting), state == kPending) << state_name(state);
  }
}

TEST(SandboxStateTest, StoppedIsTheOnlyEndAndReachableFromEverywhere) {
  for (const auto state : kAllSandboxStates) {
    EXPECT_FALSE(may_change(kStopped, state));
    EXPECT_EQ(may_change(state, kStopped), state != kStopped) << state_name(state);
    EXPECT_EQ(is_final(state), state == kStopped);
  }
}

TEST(SandboxStateTest, TheLifeOfASandbox) {
  const SandboxState life[] = {kPending, kStarting, kRunning, kPausing,     kPaused,     kResuming,
                               kRunning, kPausing,  kPaused,  kHibernating, kHibernated, kResuming,
                               kRunning, kMissing,  kPaused,  kStopped};
  for (std::size_t i = 1; i < std::size(life); ++i) EXPECT_TRUE(may_change(life[i - 1], life[i]));
  EXPECT_FALSE(may_change(kPaused, kRunning)) << "only through resuming";
  EXPECT_FALSE(may_change(kError, kRunning));
  EXPECT_TRUE(may_change(kPausing, kRunning)) << "a failed pause goes on";
  EXPECT_TRUE(may_change(kResuming, kPaused)) << "a failed resume loses nothing";
  EXPECT_TRUE(may_change(kResuming, kHibernated)) << "neither does a failed wake";
  EXPECT_TRUE(may_change(kHibernating, kPaused)) << "nor a failed hibernation";
  EXPECT_FALSE(may_change(kPaused, kHibernated)) << "only through hibernating";
  EXPECT_FALSE(may_change(kHibernating, kResuming));
  EXPECT_FALSE(may_change(kHibernated, kRunning)) << "only through resuming";
  EXPECT_FALSE(may_change(kHibernated, kMissing)) << "no host has to have it";
}

TEST(SandboxStateTest, ListsHideWhatIsOver) {
  for (const auto state : kAllSandboxStates) {
    EXPECT_EQ(is_listed(state), state != kStopped && state != kError) << state_name(state);
  }
}

}  // namespace
}  // namespace wrenn::db
