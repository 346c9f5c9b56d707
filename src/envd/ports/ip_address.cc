#include "envd/ports/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <span>

namespace wrenn::envd {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

IpAddress IpAddress::v4(std::array<std::uint8_t, 4> bytes) {
  std::array<std::uint8_t, 16> mapped{};
  std::ranges::copy(bytes, std::ranges::copy(kMappedPrefix, mapped.begin()).out);
  return IpAddress(mapped);
}

std::optional<IpAddress> IpAddress::parse(const std::string& text) {
  std::array<std::uint8_t, 4> short_bytes{};
  if (::inet_pton(AF_INET, text.c_str(), short_bytes.data()) == 1) return v4(short_bytes);
  std::array<std::uint8_t, 16> bytes{};
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return v6(bytes);
  return std::nullopt;
}

bool IpAddress::is_v4() const {
  return std::ranges::equal(kMappedPrefix, std::span(bytes_).first<kMappedPrefix.size()>());
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[12] == 127;
  return bytes_[15] == 1 && std::ranges::all_of(std::span(bytes_).first<15>(),
                                                [](std::uint8_t byte) { return byte == 0; });
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v4 = is_v4();
  ::inet_ntop(v4 ? AF_INET : AF_INET6, bytes_.data() + (v4 ? kMappedPrefix.size() : 0), text.data(),
              text.size());
  return text.data();
}

std::strong_ordering IpAddress::operator<=>(const IpAddress& other) const {
  if (is_v4() != other.is_v4()) {
    return is_v4() ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  return bytes_ <=> other.bytes_;
}

}  // namespace wrenn::envd
