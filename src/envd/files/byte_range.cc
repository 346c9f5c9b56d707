#include "envd/files/byte_range.h"

#include <algorithm>
#include <optional>

#include "base/strings.h"

namespace wrenn::envd {
namespace {

using Kind = RangeChoice::Kind;

// A number past 64 bits is past the end of every file, and that is all that counts here.
std::optional<std::uint64_t> parse_position(std::string_view text) {
  const bool is_number =
      !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) return std::nullopt;
  return base::parse_int<std::uint64_t>(text).value_or(UINT64_MAX);
}

RangeChoice choose_suffix(std::string_view text, std::uint64_t size) {
  const auto length = parse_position(text);
  if (!length) return {};
  if (*length == 0) return {.kind = Kind::kUnsatisfiable};
  const std::uint64_t part = std::min(*length, size);
  return {.kind = Kind::kPart, .offset = size - part, .length = part};
}

}  // namespace

RangeChoice choose_range(std::string_view field, std::uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  if (size == 0 || !base::equal_ignore_case(field.substr(0, kUnit.size()), kUnit)) return {};
  const std::string_view range = base::trim(field.substr(kUnit.size()));
  const auto dash = range.find('-');
  if (dash == std::string_view::npos) return {};
  if (dash == 0) return choose_suffix(range.substr(1), size);
  const auto first = parse_position(range.substr(0, dash));
  const std::string_view end = range.substr(dash + 1);
  const auto last = end.empty() ? std::optional(UINT64_MAX) : parse_position(end);
  if (!first || !last || *last < *first) return {};
  if (*first >= size) return {.kind = Kind::kUnsatisfiable};
  return {.kind = Kind::kPart, .offset = *first, .length = std::min(*last, size - 1) - *first + 1};
}

}  // namespace wrenn::envd
