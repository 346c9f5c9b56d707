#include "base/rfc3339.h"

#include <algorithm>
#include <chrono>

#include "base/strings.h"

namespace wrenn::base {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// Reads `digits` digits and moves past them.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  const std::string_view number = text.substr(0, digits);
  if (!std::ranges::all_of(number, [](char c) { return c >= '0' && c <= '9'; })) {
    return std::nullopt;
  }
  text.remove_prefix(digits);
  return parse_int<int>(number);
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

std::int64_t take_fraction(std::string_view& text) {
  std::int64_t unit = kSecond;
  std::int64_t nanoseconds = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    unit /= 10;
    nanoseconds += unit * (text.front() - '0');
    text.remove_prefix(1);
  }
  return nanoseconds;
}

// "Z", "+02:00", "-0030" are not all one: only the forms with a colon are RFC 3339.
std::optional<std::int64_t> take_offset_minutes(std::string_view& text) {
  if (take(text, "Zz")) return 0;
  const bool is_west = text.starts_with('-');
  if (!take(text, "+-")) return std::nullopt;
  const auto hours = take_number(text, 2);
  if (!hours || !take(text, ":")) return std::nullopt;
  const auto minutes = take_number(text, 2);
  if (!minutes || *hours > 23 || *minutes > 59) return std::nullopt;
  const std::int64_t offset = *hours * 60 + *minutes;
  return is_west ? -offset : offset;
}

// At least `digits` digits.
void append_number(std::string& out, std::int64_t value, std::size_t digits) {
  const std::string text = concat(value);
  if (text.size() < digits) out.append(digits - text.size(), '0');
  out += text;
}

}  // namespace

std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  const auto y = take_number(text, 4);
  if (!y || !take(text, "-")) return std::nullopt;
  const auto mo = take_number(text, 2);
  if (!mo || !take(text, "-")) return std::nullopt;
  const auto d = take_number(text, 2);
  if (!d || !take(text, "Tt ")) return std::nullopt;
  const auto h = take_number(text, 2);
  if (!h || !take(text, ":")) return std::nullopt;
  const auto mi = take_number(text, 2);
  if (!mi || !take(text, ":")) return std::nullopt;
  const auto s = take_number(text, 2);
  if (!s) return std::nullopt;
  const std::int64_t fraction = take(text, ".") ? take_fraction(text) : 0;
  const auto offset = take_offset_minutes(text);
  const year_month_day date{year(*y), month(static_cast<unsigned>(*mo)),
                            day(static_cast<unsigned>(*d))};
  constexpr int kLatestYear = 2200;  // Nanoseconds end in 2262.
  const bool is_time = *h <= 23 && *mi <= 59 && *s <= 60;
  if (!offset || !text.empty() || !date.ok() || !is_time || *y > kLatestYear) return std::nullopt;
  const std::int64_t days = sys_days(date).time_since_epoch().count();
  return (((days * 24 + *h) * 60 + *mi - *offset) * 60 + *s) * kSecond + fraction;
}

std::string format_rfc3339(std::int64_t seconds, std::int32_t nanos) {
  using namespace std::chrono;
  const sys_seconds time{std::chrono::seconds(seconds)};
  const auto midnight = floor<days>(time);
  const year_month_day date(midnight);
  const hh_mm_ss clock(time - midnight);
  std::string out;
  append_number(out, static_cast<int>(date.year()), 4);
  out += '-';
  append_number(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_number(out, static_cast<unsigned>(date.day()), 2);
  out += 'T';
  append_number(out, clock.hours().count(), 2);
  out += ':';
  append_number(out, clock.minutes().count(), 2);
  out += ':';
  append_number(out, clock.seconds().count(), 2);
  if (nanos != 0) {
    std::string fraction;
    append_number(fraction, nanos, 9);
    while (fraction.ends_with("000")) fraction.resize(fraction.size() - 3);
    out += '.';
    out += fraction;
  }
  out += 'Z';
  return out;
}

}  // namespace wrenn::base
