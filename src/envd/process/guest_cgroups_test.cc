#include "envd/process/guest_cgroups.h"

#include <gtest/gtest.h>

namespace wrenn::envd {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;

TEST(GuestCgroups, LimitsLeaveRoomForTheAgent) {
  const GuestLimits small = guest_limits(512 * kMiB, 4096);
  EXPECT_EQ(small.memory_max, 448 * kMiB);
  EXPECT_EQ(small.commands_pids_max, 3584U);
  EXPECT_EQ(small.kind_pids_max, 3072U);
  EXPECT_EQ(guest_limits(4096 * kMiB, 32768).memory_max, (4096 - 128) * kMiB);
}

TEST(GuestCgroups, NoneWithoutCgroupV2) {
  const GuestCgroups groups = GuestCgroups::create("/proc");
  EXPECT_EQ(groups.fd(CgroupKind::kUser), -1);
  EXPECT_EQ(groups.fd(CgroupKind::kPty), -1);
  EXPECT_EQ(groups.fd(CgroupKind::kRelay), -1);
}

}  // namespace
}  // namespace wrenn::envd
