// Slot: the network of one sandbox: a namespace with a TAP for the guest and a link to the host.
#pragma once

#include <sys/types.h>

#include "base/fd.h"
#include "base/files.h"
#include "base/result.h"
#include "hostnet/address.h"
#include "hostnet/shaping.h"

namespace wrenn::hostnet {

// A handle. Dropping it destroys nothing, because a VM and its network outlive the agent:
// SlotPool::release() destroys, and a slot that nobody owns is swept at the next start.
struct Slot {
  SlotIndex index = 0;
  base::Path netns_path;  // e.g. /run/netns/wrenn-1a2b3c-7; `ip netns exec` knows it too.
  base::Fd netns;
  // From the host, every port of the guest answers at this address. The guest sees the connection
  // come from its gateway.
  Ipv4 address;

  // The guest's network card for QEMU's `-netdev tap,fd=N`: IFF_TAP, IFF_NO_PI, IFF_VNET_HDR,
  // non-blocking. `owner` may attach to it too. Only one may be open at a time.
  base::Result<base::Fd> open_tap(uid_t owner) const;
};

// What every slot of one installation has in common.
struct SlotSettings {
  InstallTag tag;
  SlotRange range = kDefaultRange;
  base::Path netns_dir = "/run/netns";
  LinkLimits limits{};
  Shaping shaping =
      Shaping::kNone;  // What probe_shaping() found; without it `limits` mean nothing.
};

// Blocking, some milliseconds. Thread-safe for different indexes. A half-made slot is taken down
// again. kAlreadyExists when something of that index is left over.
base::Result<Slot> create_slot(const SlotSettings& settings, SlotIndex index);
// kNotFound when the slot does not exist (any more) or is not whole.
base::Result<Slot> open_slot(const SlotSettings& settings, SlotIndex index);
// Whatever exists of it goes; nothing at all is fine.
base::Result<void> destroy_slot(const SlotSettings& settings, SlotIndex index);

}  // namespace wrenn::hostnet
