#include "base/semver.h"

#include <algorithm>

#include "base/strings.h"

namespace wrenn::base {

std::optional<Semver> Semver::parse(std::string_view text) {
  constexpr std::size_t kMaxParts = 4;
  Semver version;
  for (const auto part : split(text, '.')) {
    const auto number = parse_int<unsigned>(part);
    if (!number || version.parts.size() == kMaxParts) return std::nullopt;
    version.parts.push_back(*number);
  }
  return version;
}

std::strong_ordering Semver::operator<=>(const Semver& other) const {
  return std::lexicographical_compare_three_way(parts.begin(), parts.end(), other.parts.begin(),
                                                other.parts.end());
}

}  // namespace wrenn::base
