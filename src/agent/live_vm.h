// LiveVm: a VM that runs, and everything it runs in.
#pragma once

#include <memory>

#include "agent/guest_client.h"
#include "agent/vm_place.h"

namespace wrenn::agent {

// For one loop. Dropping it ends nothing: see end_vm().
struct LiveVm {
  VmPlace place;
  vm::VmProcess process;
  std::unique_ptr<GuestClient> guest;
};

// Ends it and frees its place; its directory stays. One that has no process is fine. Blocking, and
// can be called again.
base::Result<void> end_vm(Host& host, LiveVm& vm);

}  // namespace wrenn::agent
