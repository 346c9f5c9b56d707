// Times as text, as RFC 3339 has them. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace wrenn::base {

// "2026-01-31T12:00:00.25Z" or with an offset such as +02:00, as nanoseconds since 1970. Nothing
// for other text and for years beyond 2200 (nanoseconds end in 2262).
std::optional<std::int64_t> parse_rfc3339(std::string_view text);

// "2026-01-31T12:00:00.250Z": no fraction, or one of 3, 6 or 9 digits, as many as it takes. Years
// from 1 to 9999; `nanos` below a second.
std::string format_rfc3339(std::int64_t seconds, std::int32_t nanos);

}  // namespace wrenn::base
