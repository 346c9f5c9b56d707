// Which accelerator works here, found out by booting a guest: a /dev/kvm that opens proves nothing.
#pragma once

#include <string>

#include "base/files.h"
#include "vm/hypervisor.h"
#include "vm/qemu/command.h"

namespace wrenn::vm {

struct AcceleratorChoice {
  Accelerator accelerator = Accelerator::kTcg;
  std::string explanation;  // For people: what was tried and what came of it.
};

struct ProbeRequest {
  QemuBinary qemu;
  BootSource boot;
  std::string kernel_version;
  base::Path directory;  // For the cached answer and for device nodes.
  uid_t uid = 0;         // QEMU runs as.
  base::Duration deadline = std::chrono::seconds(10);
};

// Boots a small guest with KVM, and takes TCG when that does not answer before the deadline. The
// answer is kept in `directory` for this kernel, this QEMU and this host; a host without /dev/kvm
// is not asked twice. Blocking: up to the deadline.
base::Result<AcceleratorChoice> choose_accelerator(const ProbeRequest& request);

// A device node for KVM that the unprivileged hypervisors may open, made in `directory`; empty when
// the machine has no KVM.
base::Result<base::Path> kvm_device(const base::Path& directory);

}  // namespace wrenn::vm
