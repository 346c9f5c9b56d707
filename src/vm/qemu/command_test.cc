#include "vm/qemu/command.h"

#include <algorithm>

#include <gtest/gtest.h>

namespace wrenn::vm {
namespace {

const QemuBinary kQemu{"/usr/bin/qemu-system-x86_64", "7.2.0"};
constexpr std::uint64_t kTscKhz = 2'500'000;

VmSpec spec() {
  VmSpec spec;
  spec.id = "cl-x";
  spec.vcpus = 2;
  spec.memory_mb = 256;
  spec.disk_file = "disk.qcow2";
  spec.disk_format = DiskFormat::kQcow2;
  spec.tap_fd = 9;
  return spec;
}

// The word after `option`, or "" when it is not there.
std::string value_of(const std::vector<std::string>& argv, std::string_view option) {
  const auto at = std::find(argv.begin(), argv.end(), option);
  return at == argv.end() || at + 1 == argv.end() ? "" : *(at + 1);
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST(QemuCommand, ARestoreHasItsMemoryFromThePreload) {
  const auto argv = qemu_command(kQemu, Accelerator::kTcg, spec(), StartMode::kRestore, kTscKhz);
  EXPECT_TRUE(contains(value_of(argv, "-object"), "mem-path=/guest-memory,share=off"));
  EXPECT_EQ(value_of(argv, "-incoming"), "fd:5");
  EXPECT_EQ(value_of(argv, "-kernel"), "");
  EXPECT_EQ(value_of(argv, "-name"), "cl-x");
}

TEST(QemuCommand, ABootHasMemoryOfItsOwn) {
  const auto argv = qemu_command(kQemu, Accelerator::kTcg, spec(), StartMode::kBoot, kTscKhz);
  EXPECT_EQ(value_of(argv, "-object"), "memory-backend-ram,id=mem,size=256M");
  EXPECT_TRUE(contains(value_of(argv, "-append"), "tsc_early_khz=2500000"));
  EXPECT_EQ(value_of(argv, "-incoming"), "");
}

TEST(QemuCommand, MachineIsTheSameForBootAndRestore) {
  for (const auto accelerator : {Accelerator::kTcg, Accelerator::kKvm}) {
    const auto boot = qemu_command(kQemu, accelerator, spec(), StartMode::kBoot, kTscKhz);
    const auto restore = qemu_command(kQemu, accelerator, spec(), StartMode::kRestore, kTscKhz);
    for (const auto* option : {"-machine", "-accel", "-cpu", "-smp", "-m", "-drive", "-netdev"}) {
      EXPECT_NE(value_of(boot, option), "") << option;
      EXPECT_EQ(value_of(boot, option), value_of(restore, option)) << option;
    }
  }
}

TEST(QemuCommand, TheDiskIsCalledAsItsFileIs) {
  const auto argv = qemu_command(kQemu, Accelerator::kTcg, spec(), StartMode::kBoot, kTscKhz);
  EXPECT_TRUE(contains(value_of(argv, "-drive"), "node-name=disk.qcow2,file=/vm/disk.qcow2,"));
}

TEST(QemuCommand, WithoutATapThereIsNoNetworkCard) {
  VmSpec without = spec();
  without.tap_fd = -1;
  const auto argv = qemu_command(kQemu, Accelerator::kTcg, without, StartMode::kBoot, kTscKhz);
  EXPECT_EQ(value_of(argv, "-netdev"), "");
  EXPECT_EQ(
      std::count(argv.begin(), argv.end(), "virtio-net-device,netdev=net,mac=02:FC:00:00:00:05"),
      0);
}

TEST(QemuCommand, TheSeccompSandboxIsAlwaysOn) {
  const auto restore = qemu_command(kQemu, Accelerator::kKvm, spec(), StartMode::kRestore, 0);
  for (const auto& argv : {restore, probe_command(kQemu, Accelerator::kKvm, 0)}) {
    const std::string sandbox = value_of(argv, "-sandbox");
    for (const auto* part :
         {"on,", "obsolete=deny", "elevateprivileges=deny", "spawn=deny", "resourcecontrol=deny"}) {
      EXPECT_TRUE(contains(sandbox, part)) << part;
    }
  }
}

TEST(QemuCommand, WithKvmTheKernelMeasuresItsOwnClockAndKeepsItsMitigations) {
  const auto argv = qemu_command(kQemu, Accelerator::kKvm, spec(), StartMode::kBoot, kTscKhz);
  EXPECT_EQ(value_of(argv, "-accel"), "kvm");
  EXPECT_FALSE(contains(value_of(argv, "-append"), "tsc_early_khz"));
  EXPECT_FALSE(contains(value_of(argv, "-append"), "mitigations=off"));
}

TEST(QemuCommand, ADeviceIsARawDisk) {
  VmSpec device = spec();
  device.disk_file = "device";
  device.disk_format = DiskFormat::kDevice;
  const auto argv = qemu_command(kQemu, Accelerator::kTcg, device, StartMode::kBoot, kTscKhz);
  EXPECT_TRUE(contains(value_of(argv, "-drive"), "/device,format=raw,"));
}

}  // namespace
}  // namespace wrenn::vm
