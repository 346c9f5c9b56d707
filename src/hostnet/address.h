// The addresses of network slots. Pure arithmetic; thread-safe.
//
// Every sandbox sees the same network: it is kGuestAddress and its gateway is kGatewayAddress, so
// that a restored or forked VM needs no new address. What differs is outside of it, in its slot.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/ipv4.h"
#include "base/result.h"

namespace wrenn::hostnet {

using base::Ipv4;
using base::Ipv4Block;

using MacAddress = std::array<std::uint8_t, 6>;
std::string to_string(const MacAddress& mac);  // "02:fc:00:00:00:05"

inline constexpr Ipv4 kGuestAddress{0xA9FE0015};    // 169.254.0.21
inline constexpr Ipv4 kGatewayAddress{0xA9FE0016};  // 169.254.0.22, on tap0
inline constexpr int kGuestPrefix = 30;
inline constexpr MacAddress kGuestMac{0x02, 0xFC, 0x00, 0x00, 0x00, 0x05};
inline constexpr MacAddress kGatewayMac{0x02, 0x57, 0x52, 0x00, 0x00, 0x16};
inline constexpr std::uint32_t kTapQueueLength = 5000;  // Packets.
inline constexpr std::string_view kTapName = "tap0";
inline constexpr std::string_view kUplinkName = "eth0";

using SlotIndex = std::uint32_t;
inline constexpr SlotIndex kMinSlot = 1;
inline constexpr SlotIndex kMaxSlot = 32767;

// The /16 from which the slots take their pairs of addresses.
struct SlotRange {
  Ipv4 network;  // The low 16 bits are zero.
  bool operator==(const SlotRange&) const = default;
  std::string to_string() const;  // "10.12.0.0/16"
  // kInvalidArgument for anything but a private /16 with the low bits zero.
  static base::Result<SlotRange> parse(std::string_view text);
};
inline constexpr SlotRange kDefaultRange{{0x0A0C0000}};

// The two ends of a slot's link (a /31).
Ipv4 host_end(SlotRange range, SlotIndex index);
Ipv4 sandbox_end(SlotRange range, SlotIndex index);

// Tells the installations on one machine apart: 6 hexadecimal digits made from the path of
// $WRENN_DIR. Everything that is made on the host carries it in its name.
class InstallTag {
 public:
  static InstallTag of(const base::Path& wrenn_dir);

  const std::string& text() const { return text_; }
  std::uint32_t number() const;
  std::string table() const;           // nftables: "wrenn_<tag>"
  std::string link_prefix() const;     // "wv<tag>"
  std::string netns_prefix() const;    // "wrenn-<tag>-"
  std::string link(SlotIndex) const;   // "wv<tag><index>", at most 15 bytes
  std::string netns(SlotIndex) const;  // "wrenn-<tag>-<index>"
  std::string device_prefix() const;   // "wrenn-<tag>-", of block devices
  std::string cgroup_parent() const;   // "wrenn-<tag>"
  bool operator==(const InstallTag&) const = default;

 private:
  explicit InstallTag(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace wrenn::hostnet
