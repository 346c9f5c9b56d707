#include "envd/ports/port_plan.h"

#include <algorithm>
#include <utility>

namespace wrenn::envd {
namespace {

bool is_loopback_alone(const PortEntry& entry, const PortRules& rules) {
  return std::ranges::all_of(entry.addresses, [&](const IpAddress& address) {
    return address.is_loopback() && address != rules.relay_address;
  });
}

// Entries as if nobody was relayed; one without addresses is a relay whose program is gone.
std::vector<PortEntry> group_by_port(std::span<const ListeningSocket> sockets,
                                     const PortRules& rules,
                                     const std::set<std::uint16_t>& running) {
  std::vector<PortEntry> entries;
  for (const ListeningSocket& socket : sockets) {
    if (socket.port == rules.own_port || socket.port == 0) continue;
    if (entries.empty() || entries.back().port != socket.port) {
      entries.push_back({.port = socket.port});
    }
    PortEntry& entry = entries.back();
    if (socket.address == rules.relay_address && running.contains(socket.port)) {
      entry.is_reachable = true;
    } else {
      entry.addresses.push_back(socket.address);
    }
  }
  std::erase_if(entries, [](const PortEntry& entry) { return entry.addresses.empty(); });
  return entries;
}

}  // namespace

PortPlan plan_ports(std::span<const ListeningSocket> sockets, const PortRules& rules,
                    const std::set<std::uint16_t>& running) {
  PortPlan plan;
  plan.ports = group_by_port(sockets, rules, running);
  std::vector<PortEntry*> wanted;
  for (PortEntry& entry : plan.ports) {
    if (!is_loopback_alone(entry, rules)) {
      entry.is_reachable = true;
    } else if (rules.relay_address) {
      wanted.push_back(&entry);
    }
  }
  std::ranges::sort(wanted, {}, [&](const PortEntry* entry) {
    return std::pair(!running.contains(entry->port), entry->port);
  });
  const std::size_t accepted = std::min(wanted.size(), rules.max_relays);
  plan.refused_relays = wanted.size() - accepted;
  for (PortEntry* entry : std::span(wanted).first(accepted)) {
    entry->is_relayed = true;
    // Sorted: an IPv4 address, if there is one.
    plan.relays.push_back({entry->port, entry->addresses.front()});
  }
  return plan;
}

}  // namespace wrenn::envd
