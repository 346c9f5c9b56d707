// The Range field of a request for a file (RFC 9110 section 14). Pure; fuzzed.
#pragma once

#include <cstdint>
#include <string_view>

namespace wrenn::envd {

struct RangeChoice {
  enum class Kind { kWhole, kPart, kUnsatisfiable };
  Kind kind = Kind::kWhole;
  // Of a part: never empty and never past the end. Bytes.
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
};

// What of a file of `size` bytes the field asks for. The whole file for what is malformed, in other
// units or several ranges at once, and for every range of an empty file: some clients ask for one
// whatever they read.
RangeChoice choose_range(std::string_view field, std::uint64_t size);

}  // namespace wrenn::envd
