// Dotted versions as they stand in kernel file names: "6.1.170".
#pragma once

#include <compare>
#include <optional>
#include <string_view>
#include <vector>

namespace wrenn::base {

struct Semver {
  std::vector<unsigned> parts;
  // One to four decimal numbers with dots between them; nothing for anything else.
  static std::optional<Semver> parse(std::string_view text);
  // Number by number, so that 6.10 comes after 6.9.
  std::strong_ordering operator<=>(const Semver& other) const;
  bool operator==(const Semver& other) const = default;
};

}  // namespace wrenn::base
