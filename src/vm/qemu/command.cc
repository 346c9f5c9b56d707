#include "vm/qemu/command.h"

#include "base/strings.h"

namespace wrenn::vm {
namespace {

using base::concat;

// The machine is the smallest QEMU has. Devices that a guest of ours never looks at are off. ACPI
// stays: Debian's kernel finds virtio-mmio devices by nothing else.
std::string machine(Accelerator accelerator, std::string_view memory_backend) {
  std::string text = concat("microvm,accel=", accelerator_name(accelerator),
                            ",acpi=on,rtc=on,isa-serial=on,auto-kernel-cmdline=off");
  // Under emulation the kernel is told the clock's rate and needs neither chip to measure it; with
  // KVM the kernel has its own clock.
  if (accelerator == Accelerator::kTcg) text += ",pit=off,pic=off";
  if (!memory_backend.empty()) text += concat(",memory-backend=", memory_backend);
  return text;
}

std::string kernel_command_line(Accelerator accelerator, std::uint64_t tsc_khz) {
  std::string text = "console=ttyS0 quiet loglevel=3 reboot=t panic=-1 audit=0";
  // Measuring the clock against the emulated timer fails at random, and then the guest hangs.
  if (accelerator == Accelerator::kTcg) text += concat(" tsc_early_khz=", tsc_khz, " tsc=reliable");
  return text;
}

void add(std::vector<std::string>& argv, std::initializer_list<std::string> words) {
  argv.insert(argv.end(), words);
}

std::vector<std::string> common(const QemuBinary& qemu, Accelerator accelerator) {
  std::vector<std::string> argv = {qemu.path.native()};
  add(argv, {"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"});
  add(argv, {"-cpu", accelerator == Accelerator::kKvm ? "host" : "max"});
  add(argv,
      {"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"});
  return argv;
}

}  // namespace

std::vector<std::string> qemu_command(const QemuBinary& qemu, Accelerator accelerator,
                                      const VmSpec& spec, StartMode mode, std::uint64_t tsc_khz) {
  auto argv = common(qemu, accelerator);
  add(argv, {"-machine", machine(accelerator, "mem")});
  add(argv, {"-smp", concat(spec.vcpus), "-m", concat(spec.memory_mb, "M")});
  add(argv, {"-object",
             concat("memory-backend-file,id=mem,size=", spec.memory_mb, "M,mem-path=", kJailFds,
                    '/', kMemoryFd, mode == StartMode::kBoot ? ",share=on" : ",share=off")});
  add(argv, {"-drive", concat("if=none,id=disk,file=", kJailDirectory, '/', spec.disk_file,
                              ",format=", spec.disk_format == DiskFormat::kRaw ? "raw" : "qcow2",
                              ",cache=unsafe,aio=threads,discard=unmap,file.locking=off")});
  add(argv, {"-device", "virtio-blk-device,drive=disk"});
  add(argv, {"-netdev", concat("tap,id=net,fd=", kTapFd)});
  add(argv, {"-device", "virtio-net-device,netdev=net,mac=02:FC:00:00:00:05"});
  add(argv, {"-device", "virtio-rng-device"});
  add(argv, {"-chardev", "ringbuf,id=console,size=65536", "-serial", "chardev:console"});
  add(argv, {"-qmp", concat("unix:", kJailDirectory, '/', kQmpSocket, ",server=on,wait=off")});
  if (mode == StartMode::kBoot) {
    add(argv, {"-kernel", kJailKernel, "-initrd", kJailInitramfs, "-append",
               kernel_command_line(accelerator, tsc_khz)});
  } else {
    add(argv, {"-global", "migration.x-ignore-shared=on", "-incoming", concat("fd:", kStateFd)});
  }
  return argv;
}

std::vector<std::string> probe_command(const QemuBinary& qemu, Accelerator accelerator,
                                       std::uint64_t tsc_khz) {
  auto argv = common(qemu, accelerator);
  add(argv, {"-machine", machine(accelerator, {})});
  add(argv, {"-smp", "1", "-m", "128M"});
  add(argv, {"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"});
  add(argv, {"-kernel", kJailKernel, "-initrd", kJailInitramfs, "-append",
             kernel_command_line(accelerator, tsc_khz) + " wrenn.probe=1"});
  return argv;
}

}  // namespace wrenn::vm
