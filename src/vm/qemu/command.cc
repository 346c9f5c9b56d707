#include "vm/qemu/command.h"

#include "base/strings.h"

namespace wrenn::vm {
namespace {

using base::concat;

// The machine is the smallest QEMU has. ACPI stays: Debian's kernel finds virtio-mmio devices by
// nothing else. So does the clock chip: without it the kernel waits for one for two seconds.
std::string machine(Accelerator accelerator, std::string_view memory_backend) {
  std::string text = "microvm,acpi=on,rtc=on,isa-serial=on,auto-kernel-cmdline=off";
  // Under emulation the kernel is told the processor's clock rate and needs neither chip.
  if (accelerator == Accelerator::kTcg) text += ",pit=off,pic=off";
  if (!memory_backend.empty()) text += concat(",memory-backend=", memory_backend);
  return text;
}

std::string accelerator_option(Accelerator accelerator, int vcpus) {
  if (accelerator == Accelerator::kKvm) return "kvm";
  // A smaller cache of translated code saves memory and makes everything two to three times
  // slower, because code is translated again and again.
  return concat("tcg,tb-size=128,thread=", vcpus > 1 ? "multi" : "single");
}

std::string kernel_command_line(Accelerator accelerator, std::uint64_t tsc_khz) {
  std::string text = "console=ttyS0 quiet panic=-1 reboot=t audit=0 cryptomgr.notests";
  if (accelerator == Accelerator::kKvm) return text;
  // Emulated code does not speculate: there is nothing to mitigate. And measuring the clock against
  // the emulated timer fails at random, after which the guest hangs.
  return concat(text, " mitigations=off tsc_early_khz=", tsc_khz);
}

void add(std::vector<std::string>& argv, std::initializer_list<std::string> words) {
  argv.insert(argv.end(), words);
}

std::vector<std::string> common(const QemuBinary& qemu, Accelerator accelerator, int vcpus) {
  std::vector<std::string> argv = {qemu.path.native()};
  add(argv, {"-accel", accelerator_option(accelerator, vcpus), "-smp", concat(vcpus)});
  add(argv, {"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"});
  add(argv, {"-cpu", accelerator == Accelerator::kKvm ? "host" : "max"});
  add(argv,
      {"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"});
  return argv;
}

}  // namespace

std::vector<std::string> qemu_command(const QemuBinary& qemu, Accelerator accelerator,
                                      const VmSpec& spec, StartMode mode, std::uint64_t tsc_khz) {
  auto argv = common(qemu, accelerator, spec.vcpus);
  add(argv, {"-name", spec.id});
  add(argv, {"-machine", machine(accelerator, "mem"), "-m", concat(spec.memory_mb, "M")});
  add(argv, {"-object", mode == StartMode::kBoot
                            ? concat("memory-backend-ram,id=mem,size=", spec.memory_mb, "M")
                            : concat("memory-backend-file,id=mem,size=", spec.memory_mb,
                                     "M,mem-path=", kGuestMemory, ",share=off")});
  // A sandbox's disk need not survive the host's power loss, so its flushes cost nothing. With no
  // room on the host the guest stands still rather than see an error, until it is told to go on.
  // The node is called as its file is: Qemu::current_disk() reads that.
  add(argv,
      {"-drive",
       concat("if=none,id=disk,node-name=", spec.disk_file, ",file=", kJailDirectory, '/',
              spec.disk_file, ",format=", spec.disk_format == DiskFormat::kQcow2 ? "qcow2" : "raw",
              ",cache=unsafe,aio=threads,discard=unmap,file.locking=off,werror=enospc")});
  add(argv, {"-device", "virtio-blk-device,drive=disk"});
  if (spec.tap_fd >= 0) {
    add(argv, {"-netdev", concat("tap,id=net,fd=", kTapFd)});
    add(argv, {"-device", "virtio-net-device,netdev=net,mac=02:FC:00:00:00:05"});
  }
  add(argv, {"-device", "virtio-rng-device"});
  add(argv, {"-chardev", "ringbuf,id=console,size=65536", "-serial", "chardev:console"});
  add(argv, {"-chardev", concat("socket,id=qmp,server=on,wait=off,fd=", kQmpFd), "-mon",
             "chardev=qmp,mode=control"});
  if (mode == StartMode::kBoot) {
    add(argv, {"-kernel", kJailKernel, "-initrd", kJailInitramfs, "-append",
               kernel_command_line(accelerator, tsc_khz)});
  } else {
    // The saved state is what xen-save-devices-state writes: devices only, without a header.
    add(argv,
        {"-global", "migration.send-configuration=off", "-incoming", concat("fd:", kDevicesFd)});
  }
  return argv;
}

std::vector<std::string> probe_command(const QemuBinary& qemu, Accelerator accelerator,
                                       std::uint64_t tsc_khz) {
  auto argv = common(qemu, accelerator, 1);
  add(argv, {"-machine", machine(accelerator, {}), "-m", "128M"});
  add(argv, {"-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"});
  add(argv, {"-kernel", kJailKernel, "-initrd", kJailInitramfs, "-append",
             kernel_command_line(accelerator, tsc_khz) + " wrenn.probe=1"});
  return argv;
}

}  // namespace wrenn::vm
