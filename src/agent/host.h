// Host: what the agent found on its machine and what all sandboxes are made with.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/config.h"
#include "base/cgroup.h"
#include "hostnet/slot_pool.h"
#include "net/blocking.h"
#include "storage/cow_disk.h"
#include "storage/layout.h"
#include "vm/hypervisor.h"
#include "vm/qemu/probe.h"

namespace wrenn::agent {

// Wired once by main(), outlives everything that uses it. Members are thread-safe or never change.
struct Host {
  AgentConfig config;
  storage::Kernel kernel;
  base::CgroupSupport cgroups;
  storage::CowBackend disk_backend = storage::CowBackend::kQcow2Overlay;
  std::unique_ptr<net::BlockingPool> pool;
  std::unique_ptr<net::BlockingPool> transfers;  // What waits for object storage.
  std::unique_ptr<vm::Hypervisor> hypervisor;
  std::unique_ptr<hostnet::SlotPool> slots;
};

// Finds the kernel and QEMU and probes the accelerator (up to 10 s the first time). No slots and no
// pool yet. Errors say what to install or build. Blocking.
struct HostTools {
  storage::Kernel kernel;
  vm::QemuBinary qemu;
  vm::AcceleratorChoice accelerator;
};
base::Result<HostTools> find_host_tools(const AgentConfig& config);

// The whole host, ready for sandboxes. `keep`: slots of VMs that still run. Blocking.
base::Result<std::unique_ptr<Host>> open_host(const AgentConfig& config,
                                              std::vector<hostnet::SlotIndex> keep);

}  // namespace wrenn::agent
