// The texts of the packet filter. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "hostnet/address.h"
#include "hostnet/policy.h"

namespace wrenn::hostnet {

inline constexpr std::string_view kDeniedPortsSet = "denied_ports";    // address . protocol . port
inline constexpr std::string_view kDeniedOthersSet = "denied_others";  // address . protocol

// For inside a slot; beyond the policy the same for every slot. In a slot that has rules already,
// of this or of an older version, they replace those in one transaction, and leave what was
// recorded.
std::string slot_rules(const EgressPolicy& policy);
// Asks for all of them, and for what was recorded.
std::string list_slot_rules();
// For the host: covers every slot of the installation by the prefix of its links, so that making a
// slot changes nothing here. Replaces an older table in one transaction.
std::string host_rules(const InstallTag& tag, SlotRange range);
// Fine when there is no table.
std::string remove_host_rules(const InstallTag& tag);

}  // namespace wrenn::hostnet
