// IpAddress: an address of either family, as a value.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wrenn::envd {

// An IPv4 address is kept as IPv6 writes it (::ffff:a.b.c.d), so that it is the same one whichever
// family of socket is bound to it.
class IpAddress {
 public:
  static IpAddress v4(std::array<std::uint8_t, 4> bytes);
  static IpAddress v6(std::array<std::uint8_t, 16> bytes) { return IpAddress(bytes); }
  // "127.0.0.1", "::1"; nothing for anything else.
  static std::optional<IpAddress> parse(const std::string& text);

  bool is_v4() const;
  // 127.0.0.0/8 or ::1.
  bool is_loopback() const;
  std::string to_string() const;
  // By family, IPv4 first, then by number.
  std::strong_ordering operator<=>(const IpAddress& other) const;
  bool operator==(const IpAddress&) const = default;

 private:
  explicit IpAddress(std::array<std::uint8_t, 16> bytes) : bytes_(bytes) {}
  std::array<std::uint8_t, 16> bytes_;
};

}  // namespace wrenn::envd
