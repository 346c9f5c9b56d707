// What a sandbox tried to reach and was refused, as its slot's packet filter has counted it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "hostnet/address.h"
#include "hostnet/slot.h"

namespace wrenn::hostnet {

inline constexpr std::chrono::seconds kDenialsKept = std::chrono::hours(1);  // After the last.
// Of tcp and udp, and as many of other protocols. What comes when so many are known is refused as
// all are, and not recorded.
inline constexpr std::size_t kMaxDenials = 256;

struct Denial {
  Ipv4 address;
  std::uint8_t protocol = 0;  // IPPROTO_...
  std::uint16_t port = 0;     // Of tcp and udp.
  std::uint64_t packets = 0;
  std::int64_t last_unix_sec = 0;
  bool operator==(const Denial&) const = default;
};
// "tcp", "udp", "icmp", or the number.
std::string protocol_name(std::uint8_t protocol);

// The latest first. Packets that the kernel forwards nowhere anyway (to multicast or loopback
// addresses) are not among them, nor those that the host itself refuses: to its own public
// addresses. Nothing is known of a slot that was made before denials were recorded. Blocking;
// thread-safe.
base::Result<std::vector<Denial>> list_denials(const Slot& slot);

// Of what nftables lists as JSON. Pure; thread-safe.
base::Result<std::vector<Denial>> parse_denials(std::string_view json, std::int64_t now_unix_sec);

}  // namespace wrenn::hostnet
