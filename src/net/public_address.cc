#include "net/public_address.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

namespace wrenn::net {
namespace {

struct Block {
  std::array<std::uint8_t, 4> prefix;
  int bits;
};

// https://www.iana.org/assignments/iana-ipv4-special-registry, and multicast.
constexpr Block kNotPublic[] = {
    {{0, 0, 0, 0}, 8},      {{10, 0, 0, 0}, 8},     {{100, 64, 0, 0}, 10}, {{127, 0, 0, 0}, 8},
    {{169, 254, 0, 0}, 16}, {{172, 16, 0, 0}, 12},  {{192, 0, 0, 0}, 24},  {{192, 0, 2, 0}, 24},
    {{192, 88, 99, 0}, 24}, {{192, 168, 0, 0}, 16}, {{198, 18, 0, 0}, 15}, {{198, 51, 100, 0}, 24},
    {{203, 0, 113, 0}, 24}, {{224, 0, 0, 0}, 4},    {{240, 0, 0, 0}, 4},
};

bool has_prefix(std::span<const std::uint8_t> address, std::span<const std::uint8_t> prefix,
                int bits) {
  const auto bytes = static_cast<std::size_t>(bits / 8);
  if (!std::ranges::equal(address.first(bytes), prefix.first(bytes))) return false;
  if (bits % 8 == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xFF << (8 - bits % 8));
  return (address[bytes] & mask) == (prefix[bytes] & mask);
}

bool is_public_v4(std::span<const std::uint8_t> address) {
  return std::ranges::none_of(kNotPublic, [address](const Block& block) {
    return has_prefix(address, block.prefix, block.bits);
  });
}

// https://www.iana.org/assignments/iana-ipv6-special-registry: only 2000::/3 is in use for the
// public, with parts of it kept for protocols and books.
bool is_public_v6(std::span<const std::uint8_t> address) {
  using Prefix = std::array<std::uint8_t, 12>;
  constexpr Prefix kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  constexpr Prefix kNat64{0x00, 0x64, 0xFF, 0x9B};
  constexpr Prefix kSixToFour{0x20, 0x02};
  constexpr Prefix kProtocols{0x20, 0x01};  // /23, which has Teredo in it.
  constexpr Prefix kDocumentation{0x20, 0x01, 0x0D, 0xB8};
  constexpr Prefix kMoreDocumentation{0x3F, 0xFF};
  if (has_prefix(address, kMapped, 96) || has_prefix(address, kNat64, 96))
    return is_public_v4(address.subspan(12));
  if (has_prefix(address, kSixToFour, 16)) return is_public_v4(address.subspan(2, 4));
  if ((address[0] & 0xE0) != 0x20) return false;
  return !has_prefix(address, kProtocols, 23) && !has_prefix(address, kDocumentation, 32) &&
         !has_prefix(address, kMoreDocumentation, 20);
}

}  // namespace

bool is_public_address(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return is_public_v4({reinterpret_cast<const std::uint8_t*>(&v4.sin_addr), 4});
  }
  if (address.sa_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    return is_public_v6({reinterpret_cast<const std::uint8_t*>(&v6.sin6_addr), 16});
  }
  return false;
}

}  // namespace wrenn::net
