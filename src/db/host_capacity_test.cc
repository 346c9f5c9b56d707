#include "db/host_capacity.h"

#include <gtest/gtest.h>

#include "db/sandbox_store.h"

namespace wrenn::db {
namespace {

TEST(HostCapacityTest, IsPromisedSeveralTimes) {
  const HostCapacity laptop{
      .cpu_cores = 2, .memory_mb = 8000, .memory_reserved_mb = 500, .disk_mb = 100'000};
  EXPECT_EQ(most_of(laptop, {}), (Amounts{64, 32'000, 5'000'000}));
  EXPECT_EQ(most_of(laptop, {.vcpus = 1, .memory = 1, .disk = 1}), (Amounts{2, 8000, 100'000}));
  EXPECT_EQ(most_of({}, {}), Amounts()) << "nothing is known of it";
  // What it keeps for itself is of what is really free, which it judges itself.
  EXPECT_EQ(most_of({.memory_mb = 100, .memory_reserved_mb = 200}, {}).memory_mb, 400);
}

TEST(HostCapacityTest, TheDefaultsFitFiftyIdleSandboxesOnALaptop) {
  const Amounts most = most_of(
      {.cpu_cores = 2, .memory_mb = 7900, .memory_reserved_mb = 512, .disk_mb = 50'000}, {});
  Amounts load;
  for (int i = 0; i < 50; ++i) {
    const Amounts one{.vcpus = 1, .memory_mb = 512, .disk_mb = 5120};
    EXPECT_EQ(missing(most, load, one), Amounts()) << i;
    load += one;
  }
}

TEST(HostCapacityTest, TellsWhatIsMissing) {
  const Amounts most{.vcpus = 4, .memory_mb = 1000};
  EXPECT_EQ(missing(most, {.vcpus = 3, .memory_mb = 500}, {1, 500, 1 << 30}), Amounts());
  EXPECT_EQ(missing(most, {.vcpus = 3, .memory_mb = 600}, {2, 500, 5}), (Amounts{1, 100, 0}));
  EXPECT_EQ(missing(most, {.vcpus = 9, .memory_mb = 900}, {.memory_mb = 100}), Amounts())
      << "what is not asked for may be short";
}

TEST(HostCapacityTest, WhatRestsTakesItsDiskAlone) {
  using enum SandboxState;
  Sandbox sandbox;
  sandbox.vcpus = 2;
  sandbox.memory_mb = 512;
  sandbox.disk_mb = 5000;
  const Amounts all{2, 512, 5000};
  for (const SandboxState state : {kPending, kStarting, kRunning, kPausing, kResuming, kMissing}) {
    sandbox.status = state;
    EXPECT_EQ(load_of(sandbox), all) << state_name(state);
  }
  sandbox.pause_mode = "memory";
  for (const SandboxState state : {kPaused, kHibernating, kMissing}) {
    sandbox.status = state;
    EXPECT_EQ(load_of(sandbox), (Amounts{0, 0, 5000})) << state_name(state);
  }
  for (const SandboxState state : {kHibernated, kStopped, kError}) {
    sandbox.status = state;
    EXPECT_EQ(load_of(sandbox), Amounts()) << state_name(state);
  }
}

}  // namespace
}  // namespace wrenn::db
