// The netlink requests that slots are made of, and what is asked about the host.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hostnet/address.h"
#include "hostnet/netlink.h"

namespace wrenn::hostnet {

struct VethSpec {
  std::string name;
  std::string peer_name;
  int peer_netns = -1;
};
// Both ends are down: neither can come up before the other exists.
NetlinkMessage make_veth(const VethSpec& spec);
NetlinkMessage set_link_up(int index);
NetlinkMessage set_up_tap(int index, const MacAddress& mac, std::uint32_t queue_length);
NetlinkMessage delete_link(const std::string& name);
NetlinkMessage add_address(int index, Ipv4 address, int prefix);
NetlinkMessage delete_address(int index, Ipv4 address, int prefix);
NetlinkMessage add_default_route(int index, Ipv4 gateway);
NetlinkMessage add_permanent_neighbour(int index, Ipv4 address, const MacAddress& mac);
// `owner` tells the installations apart; it is the route's metric.
NetlinkMessage add_blackhole(SlotRange range, std::uint32_t owner);
NetlinkMessage delete_blackhole(SlotRange range, std::uint32_t owner);

struct Link {
  int index = 0;
  std::string name;
};
base::Result<std::vector<Link>> list_links(Netlink& netlink);
// kNotFound when there is none of that name.
base::Result<int> link_index(Netlink& netlink, const std::string& name);

struct Route {
  Ipv4 destination;
  int prefix = 0;
  std::uint32_t metric = 0;
  bool is_wrenn_blackhole = false;
};
// IPv4, all tables.
base::Result<std::vector<Route>> list_routes(Netlink& netlink);

}  // namespace wrenn::hostnet
