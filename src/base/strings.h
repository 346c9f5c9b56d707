// Small text helpers. All are pure and thread-safe.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wrenn::base {

namespace detail {
inline void append(std::string& out, std::string_view text) {
  out += text;
}
inline void append(std::string& out, char c) {
  out += c;
}
template <std::integral T>
  requires(!std::same_as<T, char> && !std::same_as<T, bool>)
void append(std::string& out, T value) {
  char buffer[24];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}
}  // namespace detail

// concat("slot ", 7, " is taken") -> "slot 7 is taken".
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::string out;
  (detail::append(out, parts), ...);
  return out;
}

// A decimal integer that fills the whole text; nothing for anything else (sign only if T has one).
template <std::integral T>
std::optional<T> parse_int(std::string_view text) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Spaces, tabs and line ends removed from both sides.
std::string_view trim(std::string_view text);
// split("a,b,", ',') -> {"a", "b", ""}.
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
// ASCII only.
bool equal_ignore_case(std::string_view a, std::string_view b);
std::string to_lower(std::string_view text);

std::string to_hex(std::string_view bytes);
// Nothing when the text is not pairs of hexadecimal digits.
std::optional<std::string> from_hex(std::string_view text);
// Standard alphabet with padding (RFC 4648 section 4).
std::string to_base64(std::string_view bytes);
// Padding is required; nothing for any character outside the alphabet.
std::optional<std::string> from_base64(std::string_view text);
// The standard or the URL-safe alphabet, with padding or without.
std::optional<std::string> from_any_base64(std::string_view text);

// RFC 3629: no overlong forms, no surrogates.
bool is_valid_utf8(std::string_view bytes);
// Every byte that is not part of a character, and every NUL, becomes U+FFFD.
std::string to_valid_utf8(std::string_view bytes);

// "%41" -> "A". Nothing for a broken escape. '+' stays (it is a space in queries: see net/url.h).
std::optional<std::string> percent_decode(std::string_view text);
// Everything but RFC 3986 unreserved characters is escaped.
std::string percent_encode(std::string_view text);

// A word that a POSIX shell takes for exactly this text: in single quotes, unless it needs none.
std::string shell_quote(std::string_view text);

// 1536 -> "1.5 KiB".
std::string human_bytes(std::uint64_t bytes);

}  // namespace wrenn::base
