// For tests: a whole "machine" inside namespaces of the test process, and a guest made of packets.
// Nothing outside of the process changes, and all of it dies with the process.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "base/fd.h"
#include "base/result.h"
#include "hostnet/host_network.h"
#include "hostnet/slot.h"

namespace wrenn::hostnet {

inline constexpr Ipv4 kHostPublic{0xCB007102};     // 203.0.113.2, the machine itself.
inline constexpr Ipv4 kOutsidePublic{0xCB007101};  // 203.0.113.1, a server on the internet.
inline constexpr Ipv4 kOutsideOther{0xC6336407};   // 198.51.100.7, of the same server.
// The server has these too, so that only a rule keeps a sandbox from reaching them.
inline constexpr Ipv4 kOutsidePrivate{0x0A630001};   // 10.99.0.1
inline constexpr Ipv4 kOutsideMetadata{0xA9FEA9FE};  // 169.254.169.254

struct Datagram {
  Ipv4 source;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::string payload;
};

// A datagram socket of a namespace, bound to any address.
class UdpSocket {
 public:
  explicit UdpSocket(std::uint16_t port);  // In the calling thread's namespace.
  void send(Ipv4 to, std::uint16_t port, const std::string& payload) const;
  std::optional<Datagram> receive(std::chrono::milliseconds timeout) const;

 private:
  base::Fd fd_;
};

// Speaks Ethernet on the TAP, as a virtual machine's network card does.
class Guest {
 public:
  explicit Guest(const Slot& slot);
  struct Udp {
    Ipv4 destination;
    std::uint16_t port = 0;
    std::string payload;
    Ipv4 source = kGuestAddress;
  };
  void send(const Udp& udp) const;
  // Of envd: a TCP packet from kControlPort that opens a connection.
  void send_control(Ipv4 destination, std::uint16_t port) const;
  // Opens a TCP connection, as a program would.
  void send_syn(Ipv4 destination, std::uint16_t port) const;
  void send_ping(Ipv4 destination) const;
  // Other packets are skipped.
  std::optional<Datagram> receive(std::chrono::milliseconds timeout) const;
  // The next IPv4 packet, from its header on.
  std::optional<std::string> receive_packet(std::chrono::milliseconds timeout) const;
  // True when the network says that it refused a packet (ICMP destination unreachable).
  bool was_refused(std::chrono::milliseconds timeout) const;
  // True when a TCP connection was reset.
  bool was_reset(std::chrono::milliseconds timeout) const;

 private:
  void wait_until_seen(const Slot& slot) const;
  void send_packet(const std::string& packet) const;
  std::optional<std::string> read_packet(std::chrono::steady_clock::time_point deadline) const;
  base::Fd tap_;
};

inline constexpr std::chrono::milliseconds kSoon{10000};  // Only a failing test waits so long.
inline constexpr std::chrono::milliseconds kNever{60};  // How long to wait for what must not come.
inline constexpr std::uint16_t kPort = 7777;

// Moves the process into the machine (once) and starts the outside server's namespace.
class TestHost {
 public:
  // Empty when it worked, else why the test cannot run here.
  static std::string enter();
  static int outside_netns();
  static HostNetworkConfig config(std::vector<SlotIndex> keep = {});
  // What teardown must leave as it was: links, routes, rules, files of namespaces, forwarding.
  static std::string state();
};

// With the network of an installation on the machine, for as long as a test runs.
class HostNetworkTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;
  // By settings_.
  Slot make(SlotIndex index) const;
  // A link that was just made drops packets until the kernel has noticed that it is up.
  static void wait_for_link(const Guest& guest, const UdpSocket& outside);

  std::optional<SlotSettings> settings_;
};

// The protocol of an IPv4 packet (IPPROTO_...), 0 when it is too short.
int protocol_of(const std::string& packet);

UdpSocket udp_in(int netns_fd, std::uint16_t port);
// Runs in the namespace and fails the test on an error.
void in_netns(int netns_fd, const std::function<void()>& work);
// Leaves the slot's namespace by its uplink, past the rules inside: as an attacker would who broke
// out of the machine monitor. `link` is the host's end.
void send_raw_from_slot(const Slot& slot, const std::string& link, Ipv4 source, Ipv4 destination,
                        std::uint16_t port);

}  // namespace wrenn::hostnet
