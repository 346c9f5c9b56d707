// The two clocks of Wrenn: steady time for deadlines, wall time for people and the wire.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace wrenn::base {

using Duration = std::chrono::nanoseconds;
using SteadyTime = std::chrono::time_point<std::chrono::steady_clock, Duration>;

inline SteadyTime steady_now() {
  return std::chrono::steady_clock::now();
}
inline std::int64_t to_ms(Duration d) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(d).count();
}

// Milliseconds since 1970 UTC: how times are kept in manifests and in the database.
std::int64_t unix_ms_now();
// RFC 3339 in UTC with milliseconds, e.g. "2026-01-31T12:00:00.250Z".
std::string rfc3339(std::int64_t unix_ms);

}  // namespace wrenn::base
