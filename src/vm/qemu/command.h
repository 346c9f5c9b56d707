// The command line QEMU is started with. Pure; thread-safe.
#pragma once

#include <string>
#include <vector>

#include "vm/hypervisor.h"

namespace wrenn::vm {

// Descriptors and paths as QEMU sees them in its jail.
inline constexpr int kTapFd = 3;
inline constexpr int kPreloadFd = 4;  // What preload.c became.
inline constexpr int kDevicesFd = 5;
inline constexpr int kQmpFd = 6;        // A listening socket.
inline constexpr int kMemoryMapFd = 7;  // preload.c says the same of this and the next.
inline constexpr int kFirstLayerFd = 16;
inline constexpr const char* kJailDirectory = "/vm";
inline constexpr const char* kJailKernel = "/boot/vmlinux";
inline constexpr const char* kJailInitramfs = "/boot/initramfs";
inline constexpr const char* kJailFds = "/fds";  // The descriptors above, by number.
// No such file: preload.c, which says the same, makes a mapping of it.
inline constexpr const char* kGuestMemory = "/guest-memory";
// In the VM's directory, for us.
inline constexpr const char* kQmpSocket = "qmp.sock";

struct QemuBinary {
  base::Path path;
  std::string version;  // "7.2.19"
};

enum class StartMode {
  kBoot,     // From a kernel; memory is zero.
  kRestore,  // From saved devices and memory.
};

std::vector<std::string> qemu_command(const QemuBinary& qemu, Accelerator accelerator,
                                      const VmSpec& spec, StartMode mode, std::uint64_t tsc_khz);

// A guest that only says that it is alive, on standard output, and powers off.
std::vector<std::string> probe_command(const QemuBinary& qemu, Accelerator accelerator,
                                       std::uint64_t tsc_khz);
// What that guest prints.
inline constexpr std::string_view kProbeAnswer = "WRENN-PROBE-OK";

}  // namespace wrenn::vm
