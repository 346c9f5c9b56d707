#include "base/semver.h"

#include <algorithm>

#include "base/strings.h"

namespace wrenn::base {
namespace {

constexpr std::size_t kMaxText = 64;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_suffix(std::string_view text) {
  const auto fits = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-';
  };
  return !text.empty() && std::ranges::all_of(text, fits);
}

// Takes the digits at the front away, and gives them without leading zeros.
std::string_view take_number(std::string_view& text) {
  const auto end = std::ranges::find_if_not(text, is_digit);
  std::string_view digits = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(digits.size());
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

// As text, but runs of digits as numbers.
std::strong_ordering compare_suffixes(std::string_view a, std::string_view b) {
  const std::strong_ordering as_text = a <=> b;
  while (!a.empty() && !b.empty()) {
    if (is_digit(a.front()) && is_digit(b.front())) {
      const std::string_view left = take_number(a);
      const std::string_view right = take_number(b);
      if (const auto order = left.size() <=> right.size(); order != 0) return order;
      if (const auto order = left <=> right; order != 0) return order;
      continue;
    }
    if (a.front() != b.front()) return a.front() <=> b.front();
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  if (a.empty() != b.empty()) {
    return a.empty() ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  return as_text;
}

}  // namespace

std::optional<Semver> Semver::parse(std::string_view text) {
  constexpr std::size_t kMaxParts = 4;
  if (text.size() > kMaxText) return std::nullopt;
  Semver version;
  // A '-' may also stand in the local suffix, so that is taken off first.
  if (const auto plus = text.find('+'); plus != std::string_view::npos) {
    version.local = text.substr(plus + 1);
    if (!is_suffix(version.local)) return std::nullopt;
    text = text.substr(0, plus);
  }
  if (const auto dash = text.find('-'); dash != std::string_view::npos) {
    version.pre_release = text.substr(dash + 1);
    if (!is_suffix(version.pre_release)) return std::nullopt;
    text = text.substr(0, dash);
  }
  for (const auto part : split(text, '.')) {
    const auto number = parse_int<unsigned>(part);
    if (!number || version.parts.size() == kMaxParts) return std::nullopt;
    version.parts.push_back(*number);
  }
  return version;
}

std::strong_ordering Semver::operator<=>(const Semver& other) const {
  const auto by_number = std::lexicographical_compare_three_way(
      parts.begin(), parts.end(), other.parts.begin(), other.parts.end());
  if (by_number != 0) return by_number;
  if (pre_release.empty() != other.pre_release.empty()) {
    return pre_release.empty() ? std::strong_ordering::greater : std::strong_ordering::less;
  }
  const auto by_pre_release = compare_suffixes(pre_release, other.pre_release);
  return by_pre_release != 0 ? by_pre_release : compare_suffixes(local, other.local);
}

}  // namespace wrenn::base
