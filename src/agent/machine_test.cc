#include "agent/machine.h"

#include <gtest/gtest.h>

namespace wrenn::agent {
namespace {

TEST(MachineTest, TellsWhatItHas) {
  const base::TempDir dir = base::TempDir::create().value();
  const Machine machine = machine_now(dir.path());
  EXPECT_FALSE(machine.arch.empty());
  EXPECT_GE(machine.cpu_cores, 1u);
  EXPECT_GT(machine.memory.total, 0u);
  EXPECT_LE(machine.memory.available, machine.memory.total);
  EXPECT_GT(machine.disk_mb, 0u);
  EXPECT_LE(machine.disk_free_mb, machine.disk_mb);
  EXPECT_EQ(machine_now(dir.path() / "not there").disk_mb, 0u);
}

}  // namespace
}  // namespace wrenn::agent
