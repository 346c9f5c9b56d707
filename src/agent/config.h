// How one agent is set up, and the numbers that all of it shares.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "agent/hypervisor_choice.h"
#include "agent/memory_budget.h"
#include "agent/storage_choice.h"
#include "base/files.h"
#include "base/time.h"
#include "hostnet/address.h"
#include "storage/layout.h"

namespace wrenn::agent {

// wrenn-cp runs as this user, and may talk to the agent besides root.
inline constexpr uid_t kControlPlaneUid = 1879099000;

inline constexpr std::uint16_t kEnvdPort = 49983;
inline constexpr std::string_view kDefaultTemplate = "minimal";
inline constexpr std::string_view kDefaultUser = "user";
inline constexpr int kDefaultVcpus = 1;
inline constexpr int kDefaultMemoryMb = 512;
inline constexpr int kDefaultDiskMb = 5120;

inline constexpr int kMinMemoryMb = 128;
inline constexpr int kMaxMemoryMb = 65536;
inline constexpr int kMinDiskMb = 1024;
inline constexpr int kMaxDiskMb = 1048576;
inline constexpr int kMaxTimeoutSec = 604800;
inline constexpr int kMaxVcpusPerCore = 4;
// With less free than this, nothing can be made or saved on the disk.
inline constexpr std::uint64_t kDiskIsFull = 32ull << 20;

// And with less than that free, sandboxes whose disks are device-mapper's stand still: a write that
// found no room would cost them their disk. It is more than is written between two looks.
inline constexpr std::uint64_t kSnapshotReserve = 1ull << 30;

struct AgentConfig {
  storage::Layout layout;
  hostnet::InstallTag tag;
  base::Path socket;               // Where the control plane calls.
  base::Path proxy_socket;         // Where it sends proxied traffic.
  std::size_t slots_ahead = 4;     // Network slots kept ready.
  std::uint64_t reserve_mb = 256;  // Memory that sandboxes must leave to the machine.
  std::uint64_t memory_overcommit = kMemoryOvercommit;  // Of the rest, so many times is promised.
  HypervisorWish hypervisor;
  StorageWish storage;

  explicit AgentConfig(const base::Path& directory)
      : layout(directory),
        tag(hostnet::InstallTag::of(layout.root())),
        socket(layout.run_dir() / "agent.sock"),
        proxy_socket(layout.run_dir() / "proxy.sock") {}

  // The user a sandbox's hypervisor runs as: one for each slot of each installation.
  uid_t sandbox_uid(hostnet::SlotIndex slot) const {
    constexpr uid_t kFirst = 0x70100000;
    constexpr uid_t kSlots = hostnet::kMaxSlot + 1;
    constexpr uid_t kInstallations = 16384;
    return kFirst + (tag.number() % kInstallations) * kSlots + slot;
  }
};

}  // namespace wrenn::agent
