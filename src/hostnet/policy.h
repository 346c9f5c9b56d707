// EgressPolicy: what one sandbox may reach of what lies outside. The rules that hold for every
// sandbox (no private or other special range, no host, no other sandbox) stand above it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hostnet/address.h"
#include "hostnet/slot.h"

namespace wrenn::hostnet {

// Blocks may repeat and contain each other.
struct EgressPolicy {
  bool deny_internet = false;    // Whatever is not in `allow` is refused.
  std::vector<Ipv4Block> allow;  // Not refused, whatever the others say.
  std::vector<Ipv4Block> deny;
  bool operator==(const EgressPolicy&) const = default;
};
inline constexpr std::size_t kMaxPolicyBlocks = 256;  // In each list.

// "allow_out" is the name of the list in the error: kInvalidArgument for an entry that is no block,
// or too many of them. Pure; thread-safe.
base::Result<std::vector<Ipv4Block>> parse_blocks(std::string_view name,
                                                  const std::vector<std::string>& texts);

// From now on, for connections that stand as well; a new slot refuses nothing but what is refused
// always. One transaction: on failure what was before still holds. What was recorded stays.
// Blocking, some milliseconds. Thread-safe.
base::Result<void> apply_policy(const Slot& slot, const EgressPolicy& policy);

}  // namespace wrenn::hostnet
