// HostNetwork: what all slots of one installation share on the host: the packet filter, address
// translation, forwarding and the reserved range. And the sweeping up of all of it.
//
// What a sandbox may reach: public IPv4 addresses outside of this host, through NAT, and answers to
// what the agent asked. Not another sandbox, not the host, no private, link-local or other special
// range, no IPv6. Nobody but this host reaches a sandbox. Policies (policy.h) only narrow this.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "hostnet/slot.h"

namespace wrenn::hostnet {

struct HostNetworkConfig {
  InstallTag tag;
  // Absent: the range this installation used before, else the first free one from 10.12.0.0/16 on.
  // Given: kFailedPrecondition when something else on the machine uses it.
  std::optional<SlotRange> range;
  base::Path netns_dir = "/run/netns";
  base::Path state_file;        // Remembers what to restore, e.g. $WRENN_DIR/run/network.state.
  std::vector<SlotIndex> keep;  // Slots of VMs that still run.
};

// Sweeps the slots that are not in `keep`, then makes (or atomically replaces) the host's rules.
// Idempotent. Blocking; needs root. The settings are what SlotPool wants.
base::Result<SlotSettings> start_host_network(const HostNetworkConfig& config);

// Everything of the installation goes, and forwarding is as it was before: `wrenn down`.
// Continues after an error and returns the first.
base::Result<void> stop_host_network(const HostNetworkConfig& config);

// The slots that exist in whole or in part, by their names.
base::Result<std::vector<SlotIndex>> list_slots(const InstallTag& tag, const base::Path& netns_dir);

enum class CheckState { kGood, kWarning, kBad };

// One line of `wrenn doctor`.
struct HostCheck {
  CheckState state = CheckState::kGood;
  std::string name;
  std::string explanation;
  std::string remedy;  // Empty when good.
};
// Tries what a slot needs, in a throw-away namespace. Changes nothing on the host.
std::vector<HostCheck> check_host_network();

}  // namespace wrenn::hostnet
