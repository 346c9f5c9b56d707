// IPv4 addresses and blocks of them, as text. Pure; thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::base {

// Host byte order.
struct Ipv4 {
  std::uint32_t value = 0;
  bool operator==(const Ipv4&) const = default;
  std::string to_string() const;
  // Four decimal numbers, without leading zeros, which some read as octal.
  static std::optional<Ipv4> parse(std::string_view text);
};

// All addresses that begin with the same `prefix` bits. The other bits of `network` are zero.
struct Ipv4Block {
  static constexpr int kAddressBits = 32;

  Ipv4 network;
  int prefix = kAddressBits;
  bool operator==(const Ipv4Block&) const = default;
  bool contains(const Ipv4Block& other) const;
  std::string to_string() const;  // "198.51.100.0/24"; a single address has no prefix.
  // Of an address, or an address with a prefix. kInvalidArgument for anything else: names, IPv6,
  // ports, bits beyond the prefix. The message says what it is instead, the remedy what to write.
  static Result<Ipv4Block> parse(std::string_view text);
};

// What is not global: private, shared, loopback, link-local, for protocols and for benchmarks,
// multicast and reserved (RFC 6890).
inline constexpr std::array kSpecialBlocks = {
    Ipv4Block{{0x00000000}, 8},   // 0.0.0.0
    Ipv4Block{{0x0A000000}, 8},   // 10.0.0.0
    Ipv4Block{{0x64400000}, 10},  // 100.64.0.0
    Ipv4Block{{0x7F000000}, 8},   // 127.0.0.0
    Ipv4Block{{0xA9FE0000}, 16},  // 169.254.0.0
    Ipv4Block{{0xAC100000}, 12},  // 172.16.0.0
    Ipv4Block{{0xC0000000}, 24},  // 192.0.0.0
    Ipv4Block{{0xC0A80000}, 16},  // 192.168.0.0
    Ipv4Block{{0xC6120000}, 15},  // 198.18.0.0
    Ipv4Block{{0xE0000000}, 4},   // 224.0.0.0
    Ipv4Block{{0xF0000000}, 4},   // 240.0.0.0
};
// The one that has all of it.
std::optional<Ipv4Block> find_special(const Ipv4Block& block);

}  // namespace wrenn::base
