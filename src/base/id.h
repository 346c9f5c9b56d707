// Public identifiers: a prefix and a random UUID as 25 base-36 digits, e.g.
// "cl-0q3v7l1k2m4n5p6r7s8t9u0v1". Both forms name the same thing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wrenn::base {

class Uuid {
 public:
  Uuid() = default;  // All zero: the platform's own team and the built-in template.
  // Version 4 (RFC 4122).
  static Uuid random();
  // Exactly 25 digits of [0-9a-z] whose value fits into 128 bits.
  static std::optional<Uuid> from_base36(std::string_view text);

  std::string to_base36() const;
  // 8-4-4-4-12 hexadecimal digits.
  std::string to_string() const;
  bool operator==(const Uuid&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

inline constexpr std::string_view kSandboxPrefix = "cl-";
inline constexpr std::string_view kKeyPrefix = "key-";
inline constexpr std::string_view kTeamPrefix = "team-";
inline constexpr std::string_view kHostPrefix = "host-";
inline constexpr std::string_view kTemplatePrefix = "tpl-";
inline constexpr std::string_view kUserPrefix = "usr-";
inline constexpr std::string_view kSessionPrefix = "ses-";
inline constexpr std::string_view kOneTimeTokenPrefix = "otk-";

std::string new_id(std::string_view prefix);
// True for the prefix followed by exactly one Uuid in base 36.
bool is_id(std::string_view prefix, std::string_view text);

}  // namespace wrenn::base
