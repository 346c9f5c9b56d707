// Versions as they stand in kernel file names: "6.1.170", "6.13.0-rc2", "6.1.170+local.1".
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace wrenn::base {

struct Semver {
  std::vector<unsigned> parts;
  std::string pre_release;  // What stands after '-', or empty.
  std::string local;        // What stands after '+', or empty.

  // One to four decimal numbers with dots between them, then maybe a pre-release, then maybe a
  // local suffix, both of letters, digits, '.' and '-'. At most 64 bytes. Nothing for anything
  // else.
  static std::optional<Semver> parse(std::string_view text);
  // Number by number, so that 6.10 comes after 6.9, and rc10 after rc9. A pre-release comes before
  // its version, one with a local suffix after it.
  std::strong_ordering operator<=>(const Semver& other) const;
  bool operator==(const Semver& other) const = default;
};

}  // namespace wrenn::base
