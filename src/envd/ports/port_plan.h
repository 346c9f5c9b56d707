// PortPlan: what the listening sockets mean for those who come from outside. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "envd/ports/listening_sockets.h"

namespace wrenn::envd {

struct PortEntry {
  std::uint16_t port = 0;
  std::vector<IpAddress> addresses;
  bool is_reachable = false;  // From outside: bound to more than loopback, or the relay listens.
  bool is_relayed = false;
  bool operator==(const PortEntry&) const = default;
};

// Connections to the port at the guest's address are to go to `address`.
struct RelayTarget {
  std::uint16_t port = 0;
  IpAddress address;
  bool operator==(const RelayTarget&) const = default;
};

struct PortPlan {
  std::vector<PortEntry> ports;  // By number.
  std::vector<RelayTarget> relays;
  std::size_t refused_relays = 0;  // Beyond the limit.
};

struct PortRules {
  std::uint16_t own_port = 0;  // The agent's: neither listed nor relayed.
  // Where relays listen, which is how the guest is reached; none: there are no relays.
  std::optional<IpAddress> relay_address;
  std::size_t max_relays = 64;
};

// `sockets` is sorted. `running`: the ports whose relay runs; what listens there at the relays'
// address is the relay, and not a program of the user's. When there are too many, those that run
// stay.
PortPlan plan_ports(std::span<const ListeningSocket> sockets, const PortRules& rules,
                    const std::set<std::uint16_t>& running);

}  // namespace wrenn::envd
