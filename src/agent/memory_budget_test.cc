#include "agent/memory_budget.h"

#include <gtest/gtest.h>

namespace wrenn::agent {
namespace {

TEST(MemoryBudget, WhatTheKernelTells) {
  const auto memory =
      parse_meminfo("MemTotal:       24000000 kB\nMemFree: 5 kB\nMemAvailable:   2048000 kB\n");
  EXPECT_EQ(memory.total, 23437u);
  EXPECT_EQ(memory.available, 2000u);
  EXPECT_EQ(parse_meminfo("").total, 0u);
  EXPECT_EQ(parse_meminfo("MemTotal: much\nMemAvailable:\n:\n").available, 0u);
  EXPECT_GT(host_memory().total, host_memory().available);
}

TEST(MemoryBudget, OneMoreNeedsRoomForAllThatItMayUse) {
  MemoryBudget budget{.host = {.total = 1000, .available = 700}, .reserve_mb = 200};
  EXPECT_TRUE(budget.admit(500));
  const auto refused = budget.admit(501);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::kResourceExhausted);
  EXPECT_FALSE(refused.error().remedy.empty());
}

TEST(MemoryBudget, PromisesEndAtAMultipleOfTheMachine) {
  MemoryBudget budget{
      .host = {.total = 1000, .available = 900}, .reserve_mb = 200, .promised_mb = 3100};
  EXPECT_TRUE(budget.admit(100));
  EXPECT_FALSE(budget.admit(101));
  budget.overcommit = 5;
  EXPECT_TRUE(budget.admit(101));
  budget.host.total = 100;
  budget.promised_mb = 0;
  EXPECT_FALSE(budget.admit(1)) << "it has less than its reserve";
}

TEST(MemoryBudget, ItIsShortBelowTheReserve) {
  MemoryBudget budget{.host = {.total = 1000, .available = 200}, .reserve_mb = 200};
  EXPECT_FALSE(budget.is_short());
  budget.host.available = 199;
  EXPECT_TRUE(budget.is_short());
}

}  // namespace
}  // namespace wrenn::agent
