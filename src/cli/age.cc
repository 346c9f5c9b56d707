#include "cli/age.h"

#include <algorithm>
#include <chrono>

#include "base/strings.h"

namespace wrenn::cli {
namespace {

// Takes exactly `digits` digits and the mark that follows them (0: none).
std::optional<int> take(std::string_view& text, std::size_t digits, char mark) {
  const std::size_t size = digits + (mark != 0 ? 1 : 0);
  if (text.size() < size || (mark != 0 && text[digits] != mark)) return std::nullopt;
  const auto number = base::parse_int<unsigned>(text.substr(0, digits));
  if (!number) return std::nullopt;
  text.remove_prefix(size);
  return static_cast<int>(*number);
}

// ".250" -> 250; digits beyond milliseconds are dropped.
std::int64_t take_fraction(std::string_view& text) {
  if (!text.starts_with('.')) return 0;
  text.remove_prefix(1);
  std::int64_t value = 0;
  std::int64_t unit = 100;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    value += (text.front() - '0') * unit;
    unit /= 10;
    text.remove_prefix(1);
  }
  return value;
}

// "Z" or "+02:00", in minutes.
std::optional<int> take_offset(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
  const int sign = text.front() == '+' ? 1 : -1;
  text.remove_prefix(1);
  const auto hours = take(text, 2, ':');
  const auto minutes = hours ? take(text, 2, 0) : std::nullopt;
  if (!minutes || !text.empty()) return std::nullopt;
  return sign * (*hours * 60 + *minutes);
}

}  // namespace

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  const auto year = take(text, 4, '-');
  const auto month = year ? take(text, 2, '-') : std::nullopt;
  const auto day = month ? take(text, 2, 'T') : std::nullopt;
  const auto hour = day ? take(text, 2, ':') : std::nullopt;
  const auto minute = hour ? take(text, 2, ':') : std::nullopt;
  const auto second = minute ? take(text, 2, 0) : std::nullopt;
  if (!second) return std::nullopt;
  const std::int64_t fraction = take_fraction(text);
  const auto offset = take_offset(text);
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  if (!offset || !date.ok() || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t minutes = (days * 24 + *hour) * 60 + *minute - *offset;
  return (minutes * 60 + *second) * 1000 + fraction;
}

std::string human_age(std::int64_t milliseconds) {
  const std::int64_t seconds = std::max<std::int64_t>(0, milliseconds) / 1000;
  if (seconds < 120) return base::concat(seconds, 's');
  if (seconds < 120 * 60) return base::concat(seconds / 60, 'm');
  if (seconds < 48 * 3600) return base::concat(seconds / 3600, 'h');
  return base::concat(seconds / 86400, 'd');
}

std::string human_duration(std::int64_t milliseconds) {
  // Rounded first, so that there is no "60.0 s".
  const std::int64_t tenths = (std::max<std::int64_t>(0, milliseconds) + 50) / 100;
  const std::int64_t seconds = tenths / 10;
  if (seconds < 60) return base::concat(seconds, '.', tenths % 10, " s");
  if (seconds < 3600) return base::concat(seconds / 60, "m ", seconds % 60, 's');
  return base::concat(seconds / 3600, "h ", seconds / 60 % 60, 'm');
}

}  // namespace wrenn::cli
