#include "hostnet/links.h"

#include <arpa/inet.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/socket.h>

#include <cstring>

#include "base/strings.h"

namespace wrenn::hostnet {
namespace {

using base::concat;

constexpr std::uint16_t kCreate = NLM_F_CREATE | NLM_F_EXCL;
constexpr std::uint8_t kWrennProtocol = 87;  // In rtm_protocol; administrators may choose freely.

ifinfomsg up(int index) {
  ifinfomsg info{};
  info.ifi_index = index;
  info.ifi_flags = IFF_UP;
  info.ifi_change = IFF_UP;
  return info;
}

std::uint32_t wire(Ipv4 address) {
  return htonl(address.value);
}

NetlinkMessage blackhole(std::uint16_t type, std::uint16_t flags, SlotRange range,
                         std::uint32_t owner) {
  rtmsg info{};
  info.rtm_family = AF_INET;
  info.rtm_dst_len = 16;
  info.rtm_table = RT_TABLE_MAIN;
  info.rtm_protocol = kWrennProtocol;
  info.rtm_type = RTN_BLACKHOLE;
  NetlinkMessage message(type, flags, concat("reserving ", range.to_string()));
  message.header(info).u32(RTA_DST, wire(range.network)).u32(RTA_PRIORITY, owner);
  return message;
}

NetlinkMessage change_address(std::uint16_t type, std::uint16_t flags, int index, Ipv4 address,
                              int prefix) {
  ifaddrmsg info{};
  info.ifa_family = AF_INET;
  info.ifa_prefixlen = static_cast<std::uint8_t>(prefix);
  info.ifa_index = static_cast<std::uint32_t>(index);
  NetlinkMessage message(type, flags, concat("changing address ", address.to_string()));
  message.header(info).u32(IFA_LOCAL, wire(address)).u32(IFA_ADDRESS, wire(address));
  return message;
}

template <class Header>
std::pair<Header, std::span<const std::byte>> split_answer(std::span<const std::byte> answer) {
  Header header{};
  if (answer.size() < sizeof header) return {header, {}};
  std::memcpy(&header, answer.data(), sizeof header);
  return {header, answer.subspan(sizeof header)};
}

std::uint32_t number(std::span<const std::byte> attribute) {
  std::uint32_t value = 0;
  if (attribute.size() == sizeof value) std::memcpy(&value, attribute.data(), sizeof value);
  return value;
}

}  // namespace

NetlinkMessage make_veth(const VethSpec& spec) {
  NetlinkMessage message(RTM_NEWLINK, kCreate, concat("creating link ", spec.name));
  message.header(ifinfomsg{}).text(IFLA_IFNAME, spec.name);
  message.begin(IFLA_LINKINFO).text(IFLA_INFO_KIND, "veth").begin(IFLA_INFO_DATA);
  message.begin(VETH_INFO_PEER).header(ifinfomsg{}).text(IFLA_IFNAME, spec.peer_name);
  message.u32(IFLA_NET_NS_FD, static_cast<std::uint32_t>(spec.peer_netns));
  message.end().end().end();
  return message;
}

NetlinkMessage set_link_up(int index) {
  NetlinkMessage message(RTM_NEWLINK, 0, "bringing a link up");
  message.header(up(index));
  return message;
}

NetlinkMessage set_up_tap(int index, const MacAddress& mac, std::uint32_t queue_length) {
  NetlinkMessage message(RTM_NEWLINK, 0, "configuring the TAP");
  message.header(up(index)).bytes(IFLA_ADDRESS, mac.data(), mac.size());
  message.u32(IFLA_TXQLEN, queue_length);
  return message;
}

NetlinkMessage delete_link(const std::string& name) {
  NetlinkMessage message(RTM_DELLINK, 0, concat("deleting link ", name));
  message.header(ifinfomsg{}).text(IFLA_IFNAME, name);
  return message;
}

NetlinkMessage add_address(int index, Ipv4 address, int prefix) {
  return change_address(RTM_NEWADDR, kCreate, index, address, prefix);
}

NetlinkMessage delete_address(int index, Ipv4 address, int prefix) {
  return change_address(RTM_DELADDR, 0, index, address, prefix);
}

NetlinkMessage add_default_route(int index, Ipv4 gateway) {
  rtmsg info{};
  info.rtm_family = AF_INET;
  info.rtm_table = RT_TABLE_MAIN;
  info.rtm_protocol = RTPROT_STATIC;
  info.rtm_type = RTN_UNICAST;
  NetlinkMessage message(RTM_NEWROUTE, kCreate, concat("routing via ", gateway.to_string()));
  message.header(info).u32(RTA_GATEWAY, wire(gateway));
  message.u32(RTA_OIF, static_cast<std::uint32_t>(index));
  return message;
}

NetlinkMessage add_permanent_neighbour(int index, Ipv4 address, const MacAddress& mac) {
  ndmsg info{};
  info.ndm_family = AF_INET;
  info.ndm_ifindex = index;
  info.ndm_state = NUD_PERMANENT;
  NetlinkMessage message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, "adding the guest's MAC");
  message.header(info).u32(NDA_DST, wire(address)).bytes(NDA_LLADDR, mac.data(), mac.size());
  return message;
}

NetlinkMessage add_blackhole(SlotRange range, std::uint32_t owner) {
  return blackhole(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, range, owner);
}

NetlinkMessage delete_blackhole(SlotRange range, std::uint32_t owner) {
  return blackhole(RTM_DELROUTE, 0, range, owner);
}

base::Result<std::vector<Link>> list_links(Netlink& netlink) {
  NetlinkMessage request(RTM_GETLINK, NLM_F_DUMP, "listing links");
  // Without the counters of every link.
  request.header(ifinfomsg{}).u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  WRENN_TRY_ASSIGN(const auto answers, netlink.query(std::move(request)));
  std::vector<Link> links;
  for (const auto& answer : answers) {
    const auto [info, attributes] = split_answer<ifinfomsg>(answer);
    const auto name = find_attribute(attributes, IFLA_IFNAME);
    if (name.empty()) continue;
    links.push_back(
        {info.ifi_index, {reinterpret_cast<const char*>(name.data()), name.size() - 1}});
  }
  return links;
}

base::Result<int> link_index(Netlink& netlink, const std::string& name) {
  NetlinkMessage request(RTM_GETLINK, 0, concat("looking for link ", name));
  request.header(ifinfomsg{}).text(IFLA_IFNAME, name);
  WRENN_TRY_ASSIGN(const auto answers, netlink.query(std::move(request)));
  if (answers.empty()) return base::fail(base::Code::kNotFound, concat("there is no ", name));
  return split_answer<ifinfomsg>(answers.front()).first.ifi_index;
}

base::Result<std::vector<Route>> list_routes(Netlink& netlink) {
  rtmsg filter{};
  filter.rtm_family = AF_INET;
  NetlinkMessage request(RTM_GETROUTE, NLM_F_DUMP, "listing routes");
  request.header(filter);
  WRENN_TRY_ASSIGN(const auto answers, netlink.query(std::move(request)));
  std::vector<Route> routes;
  for (const auto& answer : answers) {
    const auto [info, attributes] = split_answer<rtmsg>(answer);
    Route route;
    route.prefix = info.rtm_dst_len;
    route.destination = Ipv4{ntohl(number(find_attribute(attributes, RTA_DST)))};
    route.metric = number(find_attribute(attributes, RTA_PRIORITY));
    route.is_wrenn_blackhole =
        info.rtm_type == RTN_BLACKHOLE && info.rtm_protocol == kWrennProtocol;
    routes.push_back(route);
  }
  return routes;
}

}  // namespace wrenn::hostnet
