// The queues of a slot's link: they are there, they limit, and control traffic overtakes.
#include "hostnet/shaping.h"

#include <arpa/inet.h>
#include <linux/gen_stats.h>
#include <linux/if_packet.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "base/time.h"
#include "hostnet/links.h"
#include "hostnet/test_host.h"

namespace wrenn::hostnet {
namespace {

using std::chrono::milliseconds;

constexpr std::uint16_t kGuestPort = 4000;
constexpr std::size_t kPayloadBytes = 1000;

struct Queue {
  std::string link;
  std::string kind;
  std::uint64_t sent_bytes = 0;
  std::uint32_t waiting = 0;  // Packets.
  std::uint32_t dropped = 0;
};

std::string text_of(std::span<const std::byte> attribute) {
  return attribute.empty()
             ? ""
             : std::string(reinterpret_cast<const char*>(attribute.data()), attribute.size() - 1);
}

Queue read_queue(std::span<const std::byte> answer, const std::vector<Link>& links) {
  tcmsg info{};
  std::memcpy(&info, answer.data(), sizeof info);
  const auto attributes = answer.subspan(sizeof info);
  Queue queue;
  for (const Link& link : links) {
    if (link.index == info.tcm_ifindex) queue.link = link.name;
  }
  queue.kind = text_of(find_attribute(attributes, TCA_KIND));
  const auto statistics = find_attribute(attributes, TCA_STATS2);
  const auto basic = find_attribute(statistics, TCA_STATS_BASIC);
  if (basic.size() >= sizeof queue.sent_bytes) {
    std::memcpy(&queue.sent_bytes, basic.data(), sizeof queue.sent_bytes);
  }
  gnet_stats_queue length{};
  const auto raw = find_attribute(statistics, TCA_STATS_QUEUE);
  if (raw.size() >= sizeof length) std::memcpy(&length, raw.data(), sizeof length);
  queue.waiting = length.qlen;
  queue.dropped = length.drops;
  return queue;
}

std::vector<Queue> queues_of(const Slot& slot) {
  std::vector<Queue> queues;
  in_netns(slot.netns.get(), [&] {
    auto netlink = Netlink::open();
    ASSERT_TRUE(netlink);
    const auto links = list_links(*netlink);
    NetlinkMessage request(RTM_GETQDISC, NLM_F_DUMP, "listing queues");
    request.header(tcmsg{});
    const auto answers = netlink->query(std::move(request));
    ASSERT_TRUE(links && answers);
    for (const auto& answer : *answers) queues.push_back(read_queue(answer, *links));
  });
  return queues;
}

// The one that limits the guest.
Queue transmit_queue(const Slot& slot) {
  for (const Queue& queue : queues_of(slot)) {
    if (queue.link == kTransmitName && queue.kind == "htb") return queue;
  }
  ADD_FAILURE() << "the queue is missing";
  return {};
}

std::uint64_t transmitted_bytes(const Slot& slot) {
  return transmit_queue(slot).sent_bytes;
}

std::uint64_t wait_until_transmitted(const Slot& slot, std::uint64_t bytes, milliseconds timeout) {
  const auto deadline = base::steady_now() + timeout;
  auto now = transmitted_bytes(slot);
  while (now < bytes && base::steady_now() < deadline) {
    std::this_thread::sleep_for(milliseconds(10));
    now = transmitted_bytes(slot);
  }
  return now;
}

// Sees all IPv4 packets that arrive in the outside server's namespace, in their order.
class Watcher {
 public:
  Watcher() {
    in_netns(TestHost::outside_netns(), [this] {
      fd_ = base::Fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_IP)));
    });
    EXPECT_TRUE(fd_.valid());
  }
  // The protocol of the next one; 0 when none comes.
  int next() const {
    while (true) {
      pollfd wait{fd_.get(), POLLIN, 0};
      if (::poll(&wait, 1, static_cast<int>(kSoon.count())) <= 0) return 0;
      std::array<char, 2048> buffer{};
      sockaddr_ll from{};
      socklen_t size = sizeof from;
      const ssize_t n = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &size);
      if (n <= 0 || from.sll_pkttype == PACKET_OUTGOING) continue;
      return protocol_of({buffer.data(), static_cast<std::size_t>(n)});
    }
  }

 private:
  base::Fd fd_;
};

// How many bulk packets come before the first control packet, -1 when something else comes.
template <class Next>
int count_before_control(Next next) {
  for (int bulk = 0;; ++bulk) {
    const int protocol = next();
    if (protocol == IPPROTO_TCP) return bulk;
    if (protocol != IPPROTO_UDP) return -1;
  }
}

class Shaped : public HostNetworkTest {
 protected:
  void SetUp() override {
    HostNetworkTest::SetUp();
    if (settings_ && settings_->shaping == Shaping::kNone) {
      GTEST_SKIP() << "this kernel cannot shape";
    }
  }
  Slot make_limited(const LinkLimits& limits) {
    settings_->limits = limits;
    return make(1);
  }
  static void wait_for_link(const Guest& guest) {
    HostNetworkTest::wait_for_link(guest, udp_in(TestHost::outside_netns(), kPort));
  }
};

TEST_F(Shaped, BothDirectionsHaveTheirQueues) {
  const Slot slot = make_limited({});
  std::set<std::string> found;
  for (const Queue& queue : queues_of(slot)) {
    found.insert(base::concat(queue.link, " ", queue.kind));
  }
  const char* rest = settings_->shaping == Shaping::kFairQueues ? "fq_codel" : "pfifo";
  for (const std::string_view link : {kTapName, kTransmitName}) {
    for (const char* kind : {"htb", rest}) {
      EXPECT_TRUE(found.contains(base::concat(link, " ", kind))) << link << kind;
    }
  }
  EXPECT_TRUE(found.contains(base::concat(kTapName, " ingress")));
}

TEST_F(Shaped, WithoutKernelSupportASlotWorksUnshaped) {
  settings_->shaping = Shaping::kNone;
  const Slot slot = make_limited({});
  const Guest guest(slot);
  wait_for_link(guest);
  for (const Queue& queue : queues_of(slot)) EXPECT_NE(queue.kind, "htb");
}

TEST_F(Shaped, ABurstPassesAtOnceAndTheRestAtTheRate) {
  constexpr std::uint64_t kRate = 200'000;
  constexpr std::uint64_t kBurst = 1'000'000;
  constexpr std::uint64_t kSlack = 200'000;
  const Slot slot =
      make_limited({.transmit_bytes_per_second = kRate, .transmit_burst_bytes = kBurst});
  const Guest guest(slot);
  wait_for_link(guest);
  const auto allowed = [start = base::steady_now()] {
    const auto passed = base::to_ms(base::steady_now() - start);
    return kBurst + kSlack + static_cast<std::uint64_t>(passed) * kRate / 1000;
  };
  const std::string payload(kPayloadBytes, 'x');
  for (int i = 0; i < 4000; ++i) guest.send({kOutsidePublic, kPort, payload});
  // At the rate alone it would take four seconds.
  const auto burst = wait_until_transmitted(slot, kBurst - kSlack, milliseconds(2000));
  EXPECT_GE(burst, kBurst - kSlack);
  EXPECT_LE(burst, allowed());
  const auto later = wait_until_transmitted(slot, burst + kRate / 2, kSoon);
  EXPECT_GE(later, burst + kRate / 2) << "what waits must go on";
  EXPECT_LE(later, allowed());
}

TEST_F(Shaped, WhatWaitsIsBounded) {
  settings_->shaping = Shaping::kOneQueue;
  const Slot slot = make_limited({.transmit_bytes_per_second = 1000, .transmit_burst_bytes = 5000});
  const Guest guest(slot);
  const std::string payload(kPayloadBytes, 'x');
  for (int i = 0; i < 1000; ++i) guest.send({kOutsidePublic, kPort, payload});
  const Queue queue = transmit_queue(slot);
  EXPECT_GT(queue.waiting, 100U);
  EXPECT_LE(queue.waiting, 256U);
  EXPECT_GT(queue.dropped, 500U);
}

TEST_F(Shaped, AKernelThatLacksAKindIsToldFromAMistake) {
  in_netns(TestHost::outside_netns(), [] {
    auto netlink = Netlink::open();
    ASSERT_TRUE(netlink);
    NetlinkMessage unknown(RTM_NEWLINK, NLM_F_CREATE, "creating a link");
    unknown.header(ifinfomsg{}).begin(IFLA_LINKINFO).text(IFLA_INFO_KIND, "no-such-kind").end();
    const auto lacking = netlink->send(std::move(unknown));
    ASSERT_FALSE(lacking);
    EXPECT_EQ(lacking.error().code, base::Code::kUnimplemented);
    const auto mistake = shape_link(*netlink, Shaping::kOneQueue, {}, 9999);
    ASSERT_FALSE(mistake);
    EXPECT_NE(mistake.error().code, base::Code::kUnimplemented);
    EXPECT_TRUE(netlink->send(delete_link(std::string(kTransmitName))));
  });
}

// There the agent's sockets are.
TEST_F(Shaped, WhatGoesToTheGatewayCountsToo) {
  const Slot slot = make_limited({});
  const Guest guest(slot);
  const auto before = transmitted_bytes(slot);
  guest.send({kGatewayAddress, kPort, "counted"});
  EXPECT_GT(wait_until_transmitted(slot, before + 1, kSoon), before);
}

// Slow enough that most of it still waits when the control packet comes.
constexpr std::uint32_t kSlowBytesPerSecond = 20'000;
constexpr std::uint32_t kSlowBurstBytes = 5'000;
constexpr int kFlood = 60;
constexpr int kMostOvertaken = 40;

TEST_F(Shaped, ControlTrafficOfTheGuestOvertakes) {
  const Slot slot = make_limited(
      {.transmit_bytes_per_second = kSlowBytesPerSecond, .transmit_burst_bytes = kSlowBurstBytes});
  const Guest guest(slot);
  wait_for_link(guest);
  const Watcher watcher;
  const std::string payload(kPayloadBytes, 'x');
  for (int i = 0; i < kFlood; ++i) guest.send({kOutsidePublic, kPort, payload});
  guest.send_control(kOutsidePublic, kPort);
  const int before = count_before_control([&] { return watcher.next(); });
  EXPECT_GE(before, 0);
  EXPECT_LE(before, kMostOvertaken);
  EXPECT_EQ(watcher.next(), IPPROTO_UDP) << "what was overtaken still comes";
}

TEST_F(Shaped, ControlTrafficToTheGuestOvertakes) {
  const Slot slot = make_limited(
      {.receive_bytes_per_second = kSlowBytesPerSecond, .receive_burst_bytes = kSlowBurstBytes});
  const Guest guest(slot);
  const UdpSocket flood = udp_in(slot.netns.get(), 0);
  const std::string payload(kPayloadBytes, 'x');
  for (int i = 0; i < kFlood; ++i) flood.send(kGuestAddress, kGuestPort, payload);
  base::Fd control;
  in_netns(slot.netns.get(), [&] {
    control = base::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(kControlPort);
    address.sin_addr.s_addr = htonl(kGuestAddress.value);
    // Not waited for: nobody answers.
    EXPECT_NE(::connect(control.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
  });
  const auto next = [&] { return protocol_of(guest.receive_packet(kSoon).value_or("")); };
  const int before = count_before_control(next);
  EXPECT_GE(before, 0);
  EXPECT_LE(before, kMostOvertaken);
  EXPECT_EQ(next(), IPPROTO_UDP) << "what was overtaken still comes";
}

}  // namespace
}  // namespace wrenn::hostnet
