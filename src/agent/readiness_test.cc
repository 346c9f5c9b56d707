#include "agent/readiness.h"

#include <gtest/gtest.h>

namespace wrenn::agent {
namespace {

using base::CheckStatus;

TEST(HostReadiness, AFullDiskIsAFailure) {
  EXPECT_EQ(check_disk(std::uint64_t{kDiskIsFull}).status, CheckStatus::kOk);
  const auto full = check_disk(kDiskIsFull - 1);
  EXPECT_EQ(full.status, CheckStatus::kFailed);
  EXPECT_TRUE(full.message.contains("make room"));
  EXPECT_EQ(check_disk(base::fail(base::Code::kNotFound, "gone")).status, CheckStatus::kFailed);
}

TEST(HostReadiness, AFullMemoryIsAWarning) {
  const MemoryBudget roomy{.host = {.total = 8192, .available = 4096}, .reserve_mb = 256};
  EXPECT_EQ(check_memory(roomy).status, CheckStatus::kOk);
  const MemoryBudget full{.host = {.total = 8192, .available = 300}, .reserve_mb = 256};
  EXPECT_EQ(check_memory(full).status, CheckStatus::kWarning);
  EXPECT_FALSE(check_memory(full).message.empty());
}

TEST(HostReadiness, SlotsThatCannotBeMadeAreAFailureWhenNoneIsLeft) {
  const base::Error problem(base::Code::kInternal, "no TAP device", "load the module tun");
  EXPECT_EQ(check_network(0, std::nullopt).status, CheckStatus::kOk);
  EXPECT_EQ(check_network(2, problem).status, CheckStatus::kOk);
  const auto failed = check_network(0, problem);
  EXPECT_EQ(failed.status, CheckStatus::kFailed);
  EXPECT_TRUE(failed.message.contains("load the module tun"));
}

}  // namespace
}  // namespace wrenn::agent
