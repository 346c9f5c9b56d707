#include "envd/files/validators.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "base/strings.h"

namespace wrenn::envd {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::string hex(std::uint64_t value) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  do {
    text.insert(text.begin(), kDigits[value % 16]);
    value /= 16;
  } while (value > 0);
  return text;
}

std::string digits(unsigned value, std::size_t width) {
  std::string text = base::concat(value);
  return text.size() < width ? std::string(width - text.size(), '0') + text : text;
}

enum class Comparison { kStrong, kWeak };

// One entity tag off the front of a list; nothing when none is there.
std::optional<std::string_view> take_tag(std::string_view& list) {
  while (!list.empty() && (list.front() == ',' || list.front() == ' ' || list.front() == '\t')) {
    list.remove_prefix(1);
  }
  const std::size_t open = list.starts_with("W/") ? 2 : 0;
  if (list.size() <= open || list[open] != '"') return std::nullopt;
  const auto close = list.find('"', open + 1);
  if (close == std::string_view::npos) return std::nullopt;
  const std::string_view tag = list.substr(0, close + 1);
  list.remove_prefix(close + 1);
  return tag;
}

// Ours are strong, so that only the client's can be weak.
bool matches(std::string_view list, std::string_view etag, Comparison comparison) {
  if (base::trim(list) == "*") return true;
  while (auto tag = take_tag(list)) {
    if (comparison == Comparison::kWeak && tag->starts_with("W/")) tag->remove_prefix(2);
    if (*tag == etag) return true;
  }
  return false;
}

std::optional<unsigned> parse_digits(std::string_view text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  return base::parse_int<unsigned>(text);
}

}  // namespace

Validators validators_of(const struct stat& file, std::string_view variant) {
  const std::uint64_t modified = static_cast<std::uint64_t>(file.st_mtim.tv_sec) * 1'000'000'000 +
                                 static_cast<std::uint64_t>(file.st_mtim.tv_nsec);
  return {base::concat("\"", hex(file.st_ino), "-", hex(static_cast<std::uint64_t>(file.st_size)),
                       "-", hex(modified), variant, "\""),
          file.st_mtim.tv_sec};
}

Condition check_conditions(const net::Headers& headers, const Validators& current) {
  if (const auto tags = headers.find("if-match")) {
    if (!matches(*tags, current.etag, Comparison::kStrong)) return Condition::kFailed;
  } else if (const auto date = headers.find("if-unmodified-since")) {
    const auto time = parse_http_date(*date);
    if (time && current.modified > *time) return Condition::kFailed;
  }
  if (const auto tags = headers.find("if-none-match")) {
    if (matches(*tags, current.etag, Comparison::kWeak)) return Condition::kNotModified;
  } else if (const auto date = headers.find("if-modified-since")) {
    const auto time = parse_http_date(*date);
    if (time && current.modified <= *time) return Condition::kNotModified;
  }
  return Condition::kHolds;
}

bool range_applies(const net::Headers& headers, const Validators& current) {
  const auto condition = headers.find("if-range");
  if (!condition) return true;
  const std::string_view text = base::trim(*condition);
  if (text.starts_with('"') || text.starts_with("W/")) return text == current.etag;
  return parse_http_date(text) == current.modified;
}

std::string http_date(std::int64_t time) {
  using namespace std::chrono;
  const sys_seconds moment{seconds(time)};
  const auto day = floor<days>(moment);
  const year_month_day date(day);
  const hh_mm_ss clock(moment - day);
  const auto two = [](auto count) { return digits(static_cast<unsigned>(count), 2); };
  return base::concat(kDays[weekday(day).c_encoding()], ", ", digits(unsigned{date.day()}, 2), " ",
                      kMonths[unsigned{date.month()} - 1], " ",
                      digits(static_cast<unsigned>(int{date.year()}), 4), " ",
                      two(clock.hours().count()), ":", two(clock.minutes().count()), ":",
                      two(clock.seconds().count()), " GMT");
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  using namespace std::chrono;
  constexpr std::string_view kShape = "Ddd, dd Mmm yyyy hh:mm:ss GMT";
  if (text.size() != kShape.size()) return std::nullopt;
  for (const std::size_t at : {3U, 4U, 7U, 11U, 16U, 19U, 22U, 25U, 26U, 27U, 28U}) {
    if (text[at] != kShape[at]) return std::nullopt;
  }
  const auto month = std::ranges::find(kMonths, text.substr(8, 3));
  const auto d = parse_digits(text.substr(5, 2));
  const auto y = parse_digits(text.substr(12, 4));
  const auto h = parse_digits(text.substr(17, 2));
  const auto m = parse_digits(text.substr(20, 2));
  const auto s = parse_digits(text.substr(23, 2));
  if (month == kMonths.end() || !d || !y || !h || !m || !s) return std::nullopt;
  const year_month_day date{year(static_cast<int>(*y)),
                            std::chrono::month(static_cast<unsigned>(month - kMonths.begin()) + 1),
                            day(*d)};
  if (!date.ok() || *h > 23 || *m > 59 || *s > 60) return std::nullopt;
  const std::int64_t days = sys_days(date).time_since_epoch().count();
  return ((days * 24 + *h) * 60 + *m) * 60 + *s;
}

}  // namespace wrenn::envd
