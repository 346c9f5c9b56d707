#include "hostnet/test_host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "hostnet/links.h"
#include "hostnet/netlink.h"
#include "hostnet/netns.h"
#include "hostnet/nft.h"

namespace wrenn::hostnet {
namespace {

using base::concat;
using std::chrono::steady_clock;

constexpr std::size_t kVnetHeader = 10;
constexpr std::size_t kEthernetHeader = 14;
constexpr std::uint16_t kGuestPort = 4000;

// One for the process: a namespace cannot be left again.
struct Machine {
  bool entered = false;
  std::string reason;
  base::Fd outside;
};
Machine& machine() {
  static Machine instance;
  return instance;
}

sockaddr_in socket_address(Ipv4 address, std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  out.sin_addr.s_addr = htonl(address.value);
  return out;
}

// Of the internet protocols. An even number of bytes.
std::uint16_t checksum(std::string_view bytes) {
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at + 1 < bytes.size(); at += 2) {
    std::uint16_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    sum += word;
  }
  sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<std::uint16_t>(~(sum + (sum >> 16)));
}

template <class Header>
std::string bytes_of(const Header& header) {
  return {reinterpret_cast<const char*>(&header), sizeof header};
}

std::string ip_packet(std::uint8_t protocol, Ipv4 source, Ipv4 destination,
                      const std::string& payload) {
  ip network{};
  network.ip_v = 4;
  network.ip_hl = 5;
  network.ip_ttl = 64;
  network.ip_p = protocol;
  network.ip_len = htons(static_cast<std::uint16_t>(sizeof(ip) + payload.size()));
  network.ip_src.s_addr = htonl(source.value);
  network.ip_dst.s_addr = htonl(destination.value);
  network.ip_sum = checksum(bytes_of(network));
  return bytes_of(network) + payload;
}

std::string udp_packet(const Guest::Udp& udp) {
  udphdr transport{};
  transport.uh_sport = htons(kGuestPort);
  transport.uh_dport = htons(udp.port);
  transport.uh_ulen = htons(static_cast<std::uint16_t>(sizeof(udphdr) + udp.payload.size()));
  return ip_packet(IPPROTO_UDP, udp.source, udp.destination, bytes_of(transport) + udp.payload);
}

std::string syn_packet(Ipv4 destination, std::uint16_t source_port, std::uint16_t port) {
  tcphdr transport{};
  transport.th_sport = htons(source_port);
  transport.th_dport = htons(port);
  transport.th_off = sizeof(tcphdr) / 4;
  transport.th_flags = TH_SYN;
  transport.th_win = htons(1000);
  struct {
    std::uint32_t source;
    std::uint32_t destination;
    std::uint16_t protocol;
    std::uint16_t length;
  } const pseudo{htonl(kGuestAddress.value), htonl(destination.value), htons(IPPROTO_TCP),
                 htons(sizeof(tcphdr))};
  transport.th_sum = checksum(bytes_of(pseudo) + bytes_of(transport));
  return ip_packet(IPPROTO_TCP, kGuestAddress, destination, bytes_of(transport));
}

template <class Header>
std::optional<Header> header_of(const std::string& packet, std::size_t at) {
  if (packet.size() < at + sizeof(Header)) return std::nullopt;
  Header header{};
  std::memcpy(&header, packet.data() + at, sizeof header);
  return header;
}

int left_until(steady_clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - steady_clock::now());
  return std::max(0, static_cast<int>(left.count()));
}

base::Result<void> make_outside(base::Fd& outside) {
  WRENN_TRY(run_in_thread([&]() -> base::Result<void> {
    if (::unshare(CLONE_NEWNET) != 0) return base::fail_errno(errno, "making the outside");
    WRENN_TRY_ASSIGN(outside, base::open_file("/proc/thread-self/ns/net", O_RDONLY));
    return {};
  }));
  WRENN_TRY_ASSIGN(Netlink host, Netlink::open());
  WRENN_TRY(host.send(make_veth({"out0", "eth0", outside.get()})));
  WRENN_TRY_ASSIGN(const int out0, link_index(host, "out0"));
  WRENN_TRY(host.send(set_link_up(1)));
  WRENN_TRY(host.send(set_link_up(out0)));
  WRENN_TRY(host.send(add_address(out0, kHostPublic, 24)));
  WRENN_TRY(run_in_netns(outside.get(), []() -> base::Result<void> {
    WRENN_TRY_ASSIGN(Netlink inside, Netlink::open());
    WRENN_TRY_ASSIGN(const int eth0, link_index(inside, "eth0"));
    WRENN_TRY(inside.send(set_link_up(1)));
    WRENN_TRY(inside.send(set_link_up(eth0)));
    WRENN_TRY(inside.send(add_address(eth0, kOutsidePublic, 24)));
    WRENN_TRY(inside.send(add_address(eth0, kOutsideOther, 32)));
    WRENN_TRY(inside.send(add_address(eth0, kOutsidePrivate, 32)));
    WRENN_TRY(inside.send(add_address(eth0, kOutsideMetadata, 32)));
    return inside.send(add_default_route(eth0, kHostPublic));
  }));
  return host.send(add_default_route(out0, kOutsidePublic));
}

std::string try_enter() {
  if (::geteuid() != 0) return "network namespaces need root";
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) {
    return concat("namespaces cannot be made here: ", std::strerror(errno));
  }
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("test", "/run", "tmpfs", 0, nullptr) != 0) {
    return concat("mounts cannot be made here: ", std::strerror(errno));
  }
  // Refusals are ICMP errors, which the kernel limits to one a second; the tests cause more.
  const auto limit = base::open_file("/proc/sys/net/ipv4/icmp_ratelimit", O_WRONLY);
  EXPECT_TRUE(limit && base::write_all(limit->get(), "0"));
  // A new namespace takes this over from the machine, where a Wrenn may be running.
  const auto forwarding = base::open_file("/proc/sys/net/ipv4/ip_forward", O_WRONLY);
  EXPECT_TRUE(forwarding && base::write_all(forwarding->get(), "0"));
  if (auto made = make_outside(machine().outside); !made) {
    ADD_FAILURE() << made.error().to_string();
    return "the test's own network does not come up";
  }
  return {};
}

}  // namespace

UdpSocket::UdpSocket(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
  const sockaddr_in any = socket_address({0}, port);
  EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
}

void UdpSocket::send(Ipv4 to, std::uint16_t port, const std::string& payload) const {
  const sockaddr_in address = socket_address(to, port);
  ::sendto(fd_.get(), payload.data(), payload.size(), 0,
           reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

std::optional<Datagram> UdpSocket::receive(std::chrono::milliseconds timeout) const {
  pollfd wait{fd_.get(), POLLIN, 0};
  if (::poll(&wait, 1, static_cast<int>(timeout.count())) <= 0) return std::nullopt;
  sockaddr_in from{};
  socklen_t size = sizeof from;
  std::array<char, 2048> buffer{};
  const ssize_t n = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                               reinterpret_cast<sockaddr*>(&from), &size);
  if (n < 0) return std::nullopt;
  return Datagram{{ntohl(from.sin_addr.s_addr)},
                  ntohs(from.sin_port),
                  0,
                  {buffer.data(), static_cast<std::size_t>(n)}};
}

Guest::Guest(const Slot& slot) {
  auto tap = slot.open_tap(1879100000 + slot.index);
  EXPECT_TRUE(tap) << tap.error().to_string();
  if (!tap) return;
  tap_ = std::move(*tap);
  wait_until_seen(slot);
}

// The kernel takes a moment to notice that a card was opened, and drops what is sent to it until
// then.
void Guest::wait_until_seen(const Slot& slot) const {
  constexpr int kTries = 200;
  constexpr std::uint16_t kDiscard = 9;
  const UdpSocket gateway = udp_in(slot.netns.get(), 0);
  bool seen = false;
  for (int i = 0; i < kTries && !seen; ++i) {
    gateway.send(kGuestAddress, kDiscard, "awake?");
    seen = read_packet(steady_clock::now() + std::chrono::milliseconds(50)).has_value();
  }
  EXPECT_TRUE(seen) << "nothing arrives at the guest's card";
  while (read_packet(steady_clock::now() + std::chrono::milliseconds(20))) {
  }
}

void Guest::send(const Udp& udp) const {
  send_packet(udp_packet(udp));
}

void Guest::send_control(Ipv4 destination, std::uint16_t port) const {
  send_packet(syn_packet(destination, kControlPort, port));
}

void Guest::send_syn(Ipv4 destination, std::uint16_t port) const {
  send_packet(syn_packet(destination, kGuestPort, port));
}

void Guest::send_ping(Ipv4 destination) const {
  icmphdr echo{};
  echo.type = ICMP_ECHO;
  echo.un.echo.id = htons(7);
  echo.checksum = checksum(bytes_of(echo));
  send_packet(ip_packet(IPPROTO_ICMP, kGuestAddress, destination, bytes_of(echo)));
}

void Guest::send_packet(const std::string& packet) const {
  std::string frame(kVnetHeader, '\0');
  frame.append(reinterpret_cast<const char*>(kGatewayMac.data()), kGatewayMac.size());
  frame.append(reinterpret_cast<const char*>(kGuestMac.data()), kGuestMac.size());
  frame.append("\x08\x00", 2);
  frame += packet;
  EXPECT_EQ(::write(tap_.get(), frame.data(), frame.size()), static_cast<ssize_t>(frame.size()));
}

std::optional<std::string> Guest::read_packet(steady_clock::time_point deadline) const {
  while (true) {
    pollfd wait{tap_.get(), POLLIN, 0};
    if (::poll(&wait, 1, left_until(deadline)) <= 0) return std::nullopt;
    std::array<char, 4096> buffer{};
    const ssize_t n = ::read(tap_.get(), buffer.data(), buffer.size());
    constexpr std::size_t kHeaders = kVnetHeader + kEthernetHeader;
    if (n <= static_cast<ssize_t>(kHeaders)) continue;
    if (std::memcmp(buffer.data() + kHeaders - 2, "\x08\x00", 2) != 0) continue;
    return std::string(buffer.data() + kHeaders, static_cast<std::size_t>(n) - kHeaders);
  }
}

std::optional<std::string> Guest::receive_packet(std::chrono::milliseconds timeout) const {
  return read_packet(steady_clock::now() + timeout);
}

std::optional<Datagram> Guest::receive(std::chrono::milliseconds timeout) const {
  const auto deadline = steady_clock::now() + timeout;
  while (const auto packet = read_packet(deadline)) {
    const auto network = header_of<ip>(*packet, 0);
    const auto transport = header_of<udphdr>(*packet, sizeof(ip));
    if (!network || !transport || network->ip_p != IPPROTO_UDP) continue;
    return Datagram{{ntohl(network->ip_src.s_addr)},
                    ntohs(transport->uh_sport),
                    ntohs(transport->uh_dport),
                    packet->substr(sizeof(ip) + sizeof(udphdr))};
  }
  return std::nullopt;
}

bool Guest::was_reset(std::chrono::milliseconds timeout) const {
  const auto deadline = steady_clock::now() + timeout;
  while (const auto packet = read_packet(deadline)) {
    const auto transport = header_of<tcphdr>(*packet, sizeof(ip));
    if (protocol_of(*packet) != IPPROTO_TCP || !transport) continue;
    if ((transport->th_flags & TH_RST) != 0) return true;
  }
  return false;
}

bool Guest::was_refused(std::chrono::milliseconds timeout) const {
  const auto deadline = steady_clock::now() + timeout;
  while (const auto packet = read_packet(deadline)) {
    const auto network = header_of<ip>(*packet, 0);
    if (!network || network->ip_p != IPPROTO_ICMP || packet->size() <= sizeof(ip)) continue;
    if ((*packet)[sizeof(ip)] == ICMP_DEST_UNREACH) return true;
  }
  return false;
}

std::string TestHost::enter() {
  if (!machine().entered) {
    machine().entered = true;
    machine().reason = try_enter();
  }
  return machine().reason;
}

int TestHost::outside_netns() {
  return machine().outside.get();
}

HostNetworkConfig TestHost::config(std::vector<SlotIndex> keep) {
  return {InstallTag::of("/run/wrenn-test"), std::nullopt, "/run/netns",
          "/run/wrenn-test/network.state", std::move(keep)};
}

std::string TestHost::state() {
  std::string text;
  auto netlink = Netlink::open();
  if (!netlink) return netlink.error().to_string();
  for (const auto& link : list_links(*netlink).value_or(std::vector<Link>{})) {
    text += concat("link ", link.name, "\n");
  }
  for (const auto& route : list_routes(*netlink).value_or(std::vector<Route>{})) {
    text += concat("route ", route.destination.to_string(), "/", route.prefix, "\n");
  }
  text += run_nft("list ruleset").value_or("no rules can be listed");
  for (const char* dir : {"/run/netns", "/run/wrenn-test"}) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(dir, error)) {
      text += concat("file ", entry.path().native(), "\n");
    }
  }
  return text +
         concat("forwarding ", base::read_file("/proc/sys/net/ipv4/ip_forward").value_or("?"));
}

void HostNetworkTest::SetUp() {
  if (const auto reason = TestHost::enter(); !reason.empty()) GTEST_SKIP() << reason;
  auto settings = start_host_network(TestHost::config());
  ASSERT_TRUE(settings) << settings.error().to_string();
  settings_.emplace(*settings);
}

void HostNetworkTest::TearDown() {
  if (!settings_) return;
  const auto stopped = stop_host_network(TestHost::config());
  EXPECT_TRUE(stopped) << stopped.error().to_string();
}

Slot HostNetworkTest::make(SlotIndex index) const {
  auto slot = create_slot(*settings_, index);
  EXPECT_TRUE(slot) << slot.error().to_string();
  return slot ? std::move(*slot) : Slot{};
}

void HostNetworkTest::wait_for_link(const Guest& guest, const UdpSocket& outside) {
  constexpr int kTries = 100;
  bool arrived = false;
  for (int i = 0; i < kTries && !arrived; ++i) {
    guest.send({kOutsidePublic, kPort, "first"});
    arrived = outside.receive(std::chrono::milliseconds(100)).has_value();
  }
  ASSERT_TRUE(arrived);
  while (outside.receive(kNever)) {
  }
}

int protocol_of(const std::string& packet) {
  const auto network = header_of<ip>(packet, 0);
  return network ? network->ip_p : 0;
}

void in_netns(int netns_fd, const std::function<void()>& work) {
  const auto done = run_in_netns(netns_fd, [&]() -> base::Result<void> {
    work();
    return {};
  });
  EXPECT_TRUE(done) << done.error().to_string();
}

UdpSocket udp_in(int netns_fd, std::uint16_t port) {
  std::optional<UdpSocket> socket;
  in_netns(netns_fd, [&] { socket.emplace(port); });
  return std::move(*socket);
}

void send_raw_from_slot(const Slot& slot, const std::string& link, Ipv4 source, Ipv4 destination,
                        std::uint16_t port) {
  ifreq request{};
  link.copy(request.ifr_name, IFNAMSIZ - 1);
  const base::Fd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::ioctl(any.get(), SIOCGIFHWADDR, &request), 0);
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(ETH_P_IP);
  to.sll_halen = ETH_ALEN;
  std::memcpy(to.sll_addr, request.ifr_hwaddr.sa_data, ETH_ALEN);
  in_netns(slot.netns.get(), [&] {
    const base::Fd fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    to.sll_ifindex = static_cast<int>(::if_nametoindex(std::string(kUplinkName).c_str()));
    const std::string packet = udp_packet({destination, port, "spoofed", source});
    EXPECT_EQ(::sendto(fd.get(), packet.data(), packet.size(), 0,
                       reinterpret_cast<const sockaddr*>(&to), sizeof to),
              static_cast<ssize_t>(packet.size()))
        << std::strerror(errno);
  });
}

}  // namespace wrenn::hostnet
