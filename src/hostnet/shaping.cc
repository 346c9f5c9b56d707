#include "hostnet/shaping.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <limits>
#include <span>
#include <system_error>

#include "base/files.h"
#include "base/jail.h"
#include "base/strings.h"
#include "hostnet/links.h"
#include "hostnet/netns.h"

namespace wrenn::hostnet {
namespace {

constexpr std::uint16_t kCreate = NLM_F_CREATE | NLM_F_EXCL;

constexpr std::uint32_t kRoot = TC_H_MAKE(1U << 16, 0U);
constexpr std::uint32_t kWhole = kRoot | 1;
constexpr std::uint32_t kControl = kRoot | 2;
constexpr std::uint32_t kRest = kRoot | 3;
constexpr std::uint32_t kIngress = TC_H_MAKE(TC_H_INGRESS, 0U);

// At most 16 MB, since a packet of a guest may have 64 KB: 80 ms at the rate a guest has.
constexpr std::uint32_t kQueuePackets = 256;
constexpr std::uint32_t kQueueBytes = 16 << 20;
// Larger than any packet: how much a class sends before it is another's turn, and what a class may
// send at once of its own.
constexpr std::uint32_t kQuantumBytes = 128 * 1024;
// Of the rate, what control traffic leaves to the rest.
constexpr std::uint32_t kRestShare = 100;

tcmsg on_link(int index, std::uint32_t parent, std::uint32_t handle) {
  tcmsg info{};
  info.tcm_family = AF_UNSPEC;
  info.tcm_ifindex = index;
  info.tcm_parent = parent;
  info.tcm_handle = handle;
  return info;
}

// Queues without a size of their own take the link's: that of control traffic.
NetlinkMessage make_ifb() {
  NetlinkMessage message(RTM_NEWLINK, kCreate, "creating an ifb device");
  message.header(ifinfomsg{}).text(IFLA_IFNAME, kTransmitName).u32(IFLA_TXQLEN, kQueuePackets);
  message.begin(IFLA_LINKINFO).text(IFLA_INFO_KIND, "ifb").end();
  return message;
}

NetlinkMessage make_qdisc(const tcmsg& where, std::string_view kind) {
  NetlinkMessage message(RTM_NEWQDISC, kCreate, base::concat("adding the queue ", kind));
  message.header(where).text(TCA_KIND, kind);
  return message;
}

// What no filter takes goes to kRest.
NetlinkMessage make_htb(int index) {
  tc_htb_glob options{};
  options.version = 3;
  options.rate2quantum = 10;
  options.defcls = TC_H_MIN(kRest);
  NetlinkMessage message = make_qdisc(on_link(index, TC_H_ROOT, kRoot), "htb");
  message.begin(TCA_OPTIONS).bytes(TCA_HTB_INIT, &options, sizeof options).end();
  return message;
}

NetlinkMessage make_fair_queue(const tcmsg& where) {
  NetlinkMessage message = make_qdisc(where, "fq_codel");
  message.begin(TCA_OPTIONS).u32(TCA_FQ_CODEL_MEMORY_LIMIT, kQueueBytes).end();
  return message;
}

NetlinkMessage make_rest_queue(int index, Shaping shaping) {
  const tcmsg where = on_link(index, kRest, 0);
  if (shaping == Shaping::kFairQueues) return make_fair_queue(where);
  const tc_fifo_qopt options{kQueuePackets};
  NetlinkMessage message = make_qdisc(where, "pfifo");
  message.bytes(TCA_OPTIONS, &options, sizeof options);
  return message;
}

struct Rate {
  std::uint32_t bytes_per_second = 0;
  std::uint32_t burst_bytes = 0;
};

// The kernel counts a burst as the time that it takes, in ticks of 64 ns.
std::uint32_t burst_ticks(std::uint64_t bytes, std::uint64_t bytes_per_second) {
  constexpr std::uint64_t kTicksPerSecond = 1'000'000'000 / 64;
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(
      bytes * kTicksPerSecond / bytes_per_second, std::numeric_limits<std::uint32_t>::max()));
}

tc_ratespec rate_of(std::uint32_t bytes_per_second) {
  tc_ratespec spec{};
  // Else the kernel wants a table to guess this from.
  spec.linklayer = TC_LINKLAYER_ETHERNET;
  spec.rate = bytes_per_second;
  return spec;
}

struct HtbClass {
  std::uint32_t id = 0;
  std::uint32_t parent = 0;
  std::uint32_t priority = 0;
  Rate own;      // What nobody can take from it.
  Rate ceiling;  // With what it may borrow.
};

NetlinkMessage make_class(int index, const HtbClass& spec) {
  tc_htb_opt options{};
  options.rate = rate_of(spec.own.bytes_per_second);
  options.ceil = rate_of(spec.ceiling.bytes_per_second);
  options.buffer = burst_ticks(spec.own.burst_bytes, spec.own.bytes_per_second);
  options.cbuffer = burst_ticks(spec.ceiling.burst_bytes, spec.ceiling.bytes_per_second);
  options.quantum = kQuantumBytes;
  options.prio = spec.priority;
  NetlinkMessage message(RTM_NEWTCLASS, kCreate, "adding a class of traffic");
  message.header(on_link(index, spec.parent, spec.id)).text(TCA_KIND, "htb");
  message.begin(TCA_OPTIONS).bytes(TCA_HTB_PARMS, &options, sizeof options).end();
  return message;
}

// Four bytes of a packet, counted from its IP header on, as the big-endian number they are.
struct Key {
  std::uint32_t mask = 0;
  std::uint32_t value = 0;
  int offset = 0;
};
constexpr std::array<Key, 1> kAnything{{{0, 0, 0}}};

// An unfragmented TCP packet with an IP header of the usual length, so that the ports are in a
// known place. `shift` says which half of the word of ports is meant.
std::array<Key, 4> control_keys(int shift) {
  return {{{0x0F000000, 0x05000000, 0},
           {0x00003FFF, 0, 4},
           {0x00FF0000, IPPROTO_TCP << 16, 8},
           {0xFFFFU << shift, std::uint32_t{kControlPort} << shift, 20}}};
}
constexpr int kSourcePort = 16;
constexpr int kDestinationPort = 0;

NetlinkMessage& add_keys(NetlinkMessage& message, std::span<const Key> keys) {
  std::vector<std::byte> data(sizeof(tc_u32_sel) + keys.size() * sizeof(tc_u32_key));
  tc_u32_sel head;  // Ends in an array without a size, which cannot be initialised.
  std::memset(&head, 0, sizeof head);
  head.flags = TC_U32_TERMINAL;
  head.nkeys = static_cast<unsigned char>(keys.size());
  std::memcpy(data.data(), &head, sizeof head);
  std::size_t at = sizeof head;
  for (const Key& key : keys) {
    tc_u32_key raw{};
    raw.mask = htonl(key.mask);
    raw.val = htonl(key.value);
    raw.off = key.offset;
    std::memcpy(data.data() + at, &raw, sizeof raw);
    at += sizeof raw;
  }
  return message.bytes(TCA_U32_SEL, data.data(), data.size());
}

NetlinkMessage make_filter(int index, std::uint32_t parent, std::uint32_t order,
                           std::uint16_t protocol) {
  tcmsg info = on_link(index, parent, 0);
  info.tcm_info = TC_H_MAKE(order << 16, std::uint32_t{htons(protocol)});
  NetlinkMessage message(RTM_NEWTFILTER, kCreate, "adding a filter of traffic");
  message.header(info).text(TCA_KIND, "u32");
  return message;
}

NetlinkMessage classify(int index, std::uint32_t order, std::uint16_t protocol,
                        std::span<const Key> keys) {
  NetlinkMessage message = make_filter(index, kRoot, order, protocol);
  message.begin(TCA_OPTIONS).u32(TCA_U32_CLASSID, kControl);
  add_keys(message, keys).end();
  return message;
}

NetlinkMessage redirect_all(int from, int to) {
  tc_mirred options{};
  options.action = TC_ACT_STOLEN;
  options.eaction = TCA_EGRESS_REDIR;
  options.ifindex = static_cast<std::uint32_t>(to);
  NetlinkMessage message = make_filter(from, kIngress, 1, ETH_P_ALL);
  message.begin(TCA_OPTIONS);
  add_keys(message, kAnything).begin(TCA_U32_ACT).begin(1).text(TCA_ACT_KIND, "mirred");
  message.begin(TCA_ACT_OPTIONS).bytes(TCA_MIRRED_PARMS, &options, sizeof options);
  message.end().end().end().end();
  return message;
}

// HTB serves a class that has a rate of its own before one that borrows. So control traffic owns
// nearly all of the rate, and the rest lives on what is left over; whole bursts are borrowed by
// either.
void shape_queue(std::vector<NetlinkMessage>& out, Shaping shaping, int index, Rate whole,
                 int port) {
  const std::uint32_t rest = std::max(1U, whole.bytes_per_second / kRestShare);
  const std::uint32_t control = std::max(1U, whole.bytes_per_second - rest);
  const Rate own_control{control, std::min(kQuantumBytes, whole.burst_bytes)};
  const Rate own_rest{rest, std::min(kQuantumBytes, whole.burst_bytes)};
  out.push_back(make_htb(index));
  out.push_back(make_class(index, {kWhole, kRoot, 0, whole, whole}));
  out.push_back(make_class(index, {kControl, kWhole, 0, own_control, whole}));
  out.push_back(make_class(index, {kRest, kWhole, 1, own_rest, whole}));
  out.push_back(make_rest_queue(index, shaping));
  out.push_back(classify(index, 1, ETH_P_IP, control_keys(port)));
  // Without it a flood keeps the guest from finding its gateway.
  out.push_back(classify(index, 2, ETH_P_ARP, kAnything));
}

// Other errors are errors, so that a mistake does not pass for a kernel without limits.
bool is_lacking(const base::Error& error) {
  return error.code == base::Code::kUnimplemented;
}

base::Result<ShapingSupport> probe_here() {
  WRENN_TRY_ASSIGN(const base::Fd own, base::open_file("/proc/thread-self/ns/net", O_RDONLY));
  WRENN_TRY_ASSIGN(Netlink netlink, Netlink::open());
  WRENN_TRY(netlink.send(make_veth({"probe0", "probe1", own.get()})));
  WRENN_TRY_ASSIGN(const int veth, link_index(netlink, "probe0"));
  auto shaped = shape_link(netlink, Shaping::kOneQueue, {}, veth);
  if (!shaped && is_lacking(shaped.error())) {
    return ShapingSupport{Shaping::kNone, shaped.error().message};
  }
  WRENN_TRY(std::move(shaped));
  // Beside the first: HTB's queues can be replaced, but not made a second time.
  auto fair = netlink.send(make_fair_queue(on_link(veth, kControl, 0)));
  if (!fair && is_lacking(fair.error())) {
    return ShapingSupport{Shaping::kOneQueue, fair.error().message};
  }
  WRENN_TRY(std::move(fair));
  return ShapingSupport{Shaping::kFairQueues, {}};
}

// The kernel loads the module when it is first asked for such a link, and then makes ifb0 and ifb1
// in the host's namespace, which nobody needs. Where that cannot be kept from it, they do no harm.
void load_ifb_without_links() {
  std::error_code error;
  if (std::filesystem::exists("/sys/module/ifb", error)) return;
  // Absent where the kernel has no modules; empty where it may load none.
  const auto program = base::read_file("/proc/sys/kernel/modprobe");
  if (!program || !base::trim(*program).starts_with('/')) return;
  base::JailSpec spec;
  spec.argv = {std::string(base::trim(*program)), "-q", "ifb", "numifbs=0"};
  spec.root = base::JailRoot::kHost;
  if (const auto child = base::spawn(spec)) {
    [[maybe_unused]] const auto ended = base::reap(*child, std::chrono::seconds(5));
  }
}

}  // namespace

base::Result<ShapingSupport> probe_shaping() {
  load_ifb_without_links();
  ShapingSupport support;
  WRENN_TRY(run_in_thread([&]() -> base::Result<void> {
    if (::unshare(CLONE_NEWNET) != 0) return base::fail_errno(errno, "making a namespace");
    WRENN_TRY_ASSIGN(support, probe_here());
    return {};
  }));
  return support;
}

base::Result<void> shape_link(Netlink& netlink, Shaping shaping, const LinkLimits& limits,
                              int tap) {
  if (shaping == Shaping::kNone) return {};
  WRENN_TRY(netlink.send(make_ifb()));
  WRENN_TRY_ASSIGN(const int ifb, link_index(netlink, std::string(kTransmitName)));
  std::vector<NetlinkMessage> out;
  shape_queue(out, shaping, ifb, {limits.transmit_bytes_per_second, limits.transmit_burst_bytes},
              kSourcePort);
  out.push_back(set_link_up(ifb));
  shape_queue(out, shaping, tap, {limits.receive_bytes_per_second, limits.receive_burst_bytes},
              kDestinationPort);
  out.push_back(make_qdisc(on_link(tap, TC_H_INGRESS, kIngress), "ingress"));
  out.push_back(redirect_all(tap, ifb));
  return netlink.send(std::move(out));
}

}  // namespace wrenn::hostnet
