// Host: what the agent found on its machine and what all sandboxes are made with.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/config.h"
#include "base/cgroup.h"
#include "hostnet/slot_pool.h"
#include "net/blocking.h"
#include "storage/cow_disk.h"
#include "storage/dm/snapshot_disks.h"
#include "storage/layout.h"
#include "vm/firecracker/launch.h"
#include "vm/hypervisor.h"
#include "vm/qemu/probe.h"

namespace wrenn::agent {

// Wired once by main(), outlives everything that uses it. Members are thread-safe or never change.
struct Host {
  AgentConfig config;
  storage::Kernel kernel;
  base::CgroupSupport cgroups;
  storage::CowBackend disk_backend = storage::CowBackend::kQcow2Overlay;
  // Wherever they work, whatever new disks are made by: older ones may be of them.
  std::optional<storage::dm::SnapshotDisks> snapshot_disks;
  std::unique_ptr<net::BlockingPool> pool;
  std::unique_ptr<net::BlockingPool> transfers;  // What waits for object storage.
  std::unique_ptr<vm::Hypervisor> hypervisor;
  std::unique_ptr<hostnet::SlotPool> slots;
};

// Finds the kernel and the hypervisors and probes the accelerator (up to 10 s the first time). No
// slots and no pool yet. Errors say what to install or build. `running`: under what sandboxes run
// at this moment. Blocking.
struct HostTools {
  storage::Kernel kernel;
  vm::QemuBinary qemu;
  vm::AcceleratorChoice accelerator;
  std::optional<vm::firecracker::Binary> firecracker;
  StorageFacts storage_facts;
  StorageChoice storage;
  HypervisorChoice hypervisor;
};
base::Result<HostTools> find_host_tools(const AgentConfig& config,
                                        std::set<std::string> running = {});

// VMs of an older agent that still run.
struct RunningVms {
  std::vector<hostnet::SlotIndex> slots;
  std::set<std::string> hypervisors;  // Their names.
};

// The whole host, ready for sandboxes. Blocking.
base::Result<std::unique_ptr<Host>> open_host(const AgentConfig& config, RunningVms running);

}  // namespace wrenn::agent
