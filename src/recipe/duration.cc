#include "recipe/duration.h"

#include <array>
#include <cstdint>
#include <utility>

#include "base/strings.h"

namespace wrenn::recipe {
namespace {

constexpr std::int64_t kLongest = std::int64_t{3650} * 24 * 3600 * 1'000'000'000;

// The longer names first, since "m" begins "ms".
constexpr std::array<std::pair<std::string_view, std::int64_t>, 8> kUnits = {{
    {"ns", 1},
    {"us", 1'000},
    {"\u00b5s", 1'000},
    {"\u03bcs", 1'000},
    {"ms", 1'000'000},
    {"s", 1'000'000'000},
    {"m", 60'000'000'000},
    {"h", 3'600'000'000'000},
}};

std::string_view take_digits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && text[count] >= '0' && text[count] <= '9') ++count;
  const std::string_view digits = text.substr(0, count);
  text.remove_prefix(count);
  return digits;
}

std::int64_t take_unit(std::string_view& text) {
  for (const auto& [name, nanoseconds] : kUnits) {
    if (!text.starts_with(name)) continue;
    text.remove_prefix(name.size());
    return nanoseconds;
  }
  return 0;
}

// "1.5h"; nothing for anything else.
std::optional<std::int64_t> take_part(std::string_view& text) {
  const std::string_view whole = take_digits(text);
  std::string_view fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
  }
  if (whole.empty() && fraction.empty()) return std::nullopt;
  const std::int64_t unit = take_unit(text);
  if (unit == 0) return std::nullopt;
  std::int64_t value = 0;
  if (!whole.empty()) {
    const auto number = base::parse_int<std::int64_t>(whole);
    if (!number || *number > kLongest / unit) return std::nullopt;
    value = *number * unit;
  }
  std::int64_t scale = unit;
  for (const char digit : fraction) {
    scale /= 10;
    value += (digit - '0') * scale;
  }
  return value;
}

}  // namespace

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text == "0") return std::chrono::nanoseconds(0);
  if (text.empty()) return std::nullopt;
  std::int64_t total = 0;
  while (!text.empty()) {
    const auto part = take_part(text);
    if (!part || *part > kLongest - total) return std::nullopt;
    total += *part;
  }
  return std::chrono::nanoseconds(total);
}

std::string format_duration(std::chrono::nanoseconds duration) {
  const std::int64_t ms = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  if (ms % 1000 != 0) return base::concat(ms, "ms");
  const std::int64_t seconds = ms / 1000;
  std::string out;
  if (seconds >= 3600) out += base::concat(seconds / 3600, "h");
  if (seconds % 3600 >= 60) out += base::concat(seconds % 3600 / 60, "m");
  if (seconds % 60 != 0 || out.empty()) out += base::concat(seconds % 60, "s");
  return out;
}

}  // namespace wrenn::recipe
