// Durations as Go writes them: "1h30m", "1.5s", "500ms", "0".
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace wrenn::recipe {

// Nothing for what is no duration, is negative, or is longer than ten years. Pure.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

// "1h30m", "90500ms": for people. What is less than a millisecond is cut off.
std::string format_duration(std::chrono::nanoseconds duration);

}  // namespace wrenn::recipe
