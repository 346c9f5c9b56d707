// The texts of the packet filter. Pure; thread-safe.
#pragma once

#include <string>

#include "hostnet/address.h"

namespace wrenn::hostnet {

// For inside a slot; the same for every slot.
std::string slot_rules();
// For the host: covers every slot of the installation by the prefix of its links, so that making a
// slot changes nothing here. Replaces an older table in one transaction.
std::string host_rules(const InstallTag& tag, SlotRange range);
// Fine when there is no table.
std::string remove_host_rules(const InstallTag& tag);

}  // namespace wrenn::hostnet
