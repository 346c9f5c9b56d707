// Firecracker's program: finding it, and starting it in a jail.
#pragma once

#include <string>
#include <vector>

#include "base/jail.h"
#include "base/semver.h"
#include "vm/hypervisor.h"

namespace wrenn::vm::firecracker {

struct Binary {
  base::Path path;
  std::string version;          // "1.13.1"
  std::string snapshot_format;  // "7.0.0"
  bool is_static = true;        // It needs no libraries.
};

// Asks the program at `path` for its versions. kNotFound when there is none, kFailedPrecondition
// with a remedy when it cannot be used: it is of another kind, too old, or others may write to it.
// Blocking.
base::Result<Binary> find_binary(const base::Path& path);

// As Firecracker sees them in its jail.
inline constexpr std::string_view kJailVm = "/vm";
inline constexpr std::string_view kJailKernel = "/boot/vmlinux";
inline constexpr std::string_view kJailInitramfs = "/boot/initramfs";
inline constexpr std::string_view kJailMemory = "/memory";
std::string in_jail(std::string_view file);  // "/vm/FILE"

// In the VM's directory: pipes that keep the first 64 KiB that nobody has read yet.
inline constexpr const char* kConsolePipe = "console";
inline constexpr const char* kLogPipe = "log";

// `device_dir` has the nodes kvm, tun and, where there is one, userfaultfd: see device_node().
base::JailSpec make_jail(const Binary& binary, const VmSpec& spec, const base::Path& device_dir);

struct Started {
  VmProcess process;
  base::Fd log;  // To read from: what it says, until its end.
};
// Makes the pipes and starts it. Blocking.
base::Result<Started> launch(base::JailSpec jail, const VmSpec& spec);

// What is in a pipe of the VM's directory, or in this one, at most 64 KiB; it is gone from there
// then. Blocking, but quick.
base::Result<std::string> read_pipe(const base::Path& path);
std::string read_pipe(int fd);

// What the guest's kernel is told.
std::string kernel_command_line();

}  // namespace wrenn::vm::firecracker
