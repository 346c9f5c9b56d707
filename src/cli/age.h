// Times for people.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wrenn::cli {

// Milliseconds since 1970 of "2026-01-31T12:00:00Z", with fractions and offsets; nothing for
// anything else.
std::optional<std::int64_t> parse_rfc3339(std::string_view text);
// 4 s -> "4s", 150 s -> "2m", then "3h", "5d". A time ahead of us counts as none.
std::string human_age(std::int64_t milliseconds);
// How long something took: "0.4 s", "12.3 s", "2m 5s", "1h 2m".
std::string human_duration(std::int64_t milliseconds);

}  // namespace wrenn::cli
