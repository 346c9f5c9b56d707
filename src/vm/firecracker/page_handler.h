// The program that serves the page faults of one VM, and how it is started.
//
// It is a process of its own, of the VM's user and in the VM's cgroup, because the VM must not need
// the agent: a page that nobody brings stops the guest for ever. It ends with the VM; and if it is
// the one that fails, it takes the VM with it, since a VM that ended is noticed, and one that hangs
// is not.
#pragma once

#include <string_view>

#include "base/jail.h"
#include "vm/hypervisor.h"

namespace wrenn::vm::firecracker {

// The descriptors it is given.
inline constexpr int kHandlerSocketFd = 3;  // Listening; Firecracker connects to it.
inline constexpr int kHandlerMapFd = 4;     // A memory map.
inline constexpr int kHandlerWantedFd = 5;  // A list of pages to bring first; may be missing.
inline constexpr int kHandlerRecordFd = 6;  // Where to write such a list; may be missing.
inline constexpr int kHandlerFirstLayerFd = 16;

// In the VM's directory.
inline constexpr const char* kHandlerSocket = "pages.sock";
inline constexpr const char* kHandlerRecord = "pages.list";

// `program`: wrenn-page-handler. Returns once it listens; it is nobody's child then. `log_fd`:
// where it complains. Blocking.
base::Result<void> start_page_handler(const base::Path& program, const VmSpec& spec,
                                      const MemoryImage& memory, int log_fd);

}  // namespace wrenn::vm::firecracker
