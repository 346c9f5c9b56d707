#include "base/id.h"

#include <algorithm>
#include <cstddef>

#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::base {
namespace {
constexpr std::size_t kDigits = 25;  // 36^25 > 2^128
constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
}  // namespace

Uuid Uuid::random() {
  const std::string bytes = random_bytes(16);
  Uuid id;
  std::copy(bytes.begin(), bytes.end(), id.bytes_.begin());
  id.bytes_[6] = static_cast<std::uint8_t>((id.bytes_[6] & 0x0F) | 0x40);
  id.bytes_[8] = static_cast<std::uint8_t>((id.bytes_[8] & 0x3F) | 0x80);
  return id;
}

std::string Uuid::to_base36() const {
  std::string out(kDigits, '0');
  auto number = bytes_;
  for (auto digit = out.rbegin(); digit != out.rend(); ++digit) {
    unsigned remainder = 0;
    for (auto& byte : number) {
      const unsigned value = remainder * 256 + byte;
      byte = static_cast<std::uint8_t>(value / 36);
      remainder = value % 36;
    }
    *digit = kAlphabet[remainder];
  }
  return out;
}

std::optional<Uuid> Uuid::from_base36(std::string_view text) {
  if (text.size() != kDigits) return std::nullopt;
  Uuid id;
  for (const char c : text) {
    const auto digit = kAlphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    unsigned carry = static_cast<unsigned>(digit);
    for (auto byte = id.bytes_.rbegin(); byte != id.bytes_.rend(); ++byte) {
      const unsigned value = *byte * 36u + carry;
      *byte = static_cast<std::uint8_t>(value & 0xFF);
      carry = value >> 8;
    }
    if (carry != 0) return std::nullopt;
  }
  return id;
}

std::string Uuid::to_string() const {
  std::string hex = to_hex({reinterpret_cast<const char*>(bytes_.data()), bytes_.size()});
  for (const std::size_t at : {20u, 16u, 12u, 8u}) hex.insert(at, "-");
  return hex;
}

std::string new_id(std::string_view prefix) {
  return concat(prefix, Uuid::random().to_base36());
}

bool is_id(std::string_view prefix, std::string_view text) {
  return text.starts_with(prefix) && Uuid::from_base36(text.substr(prefix.size())).has_value();
}

}  // namespace wrenn::base
