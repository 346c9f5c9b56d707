#include "envd/keepalive.h"

#include <algorithm>

#include "base/strings.h"

namespace wrenn::envd {

base::Result<base::Duration> read_keepalive(const net::Headers& headers) {
  constexpr std::uint32_t kDefault = 90;
  constexpr std::uint32_t kMax = 3600;
  const auto text = headers.find("keepalive-ping-interval");
  if (!text) return std::chrono::seconds(kDefault);
  const auto seconds = base::parse_int<std::uint32_t>(*text);
  if (!seconds || *seconds == 0) {
    return base::fail(base::Code::kInvalidArgument,
                      "Keepalive-Ping-Interval must be a number of seconds above 0");
  }
  return std::chrono::seconds(std::min(*seconds, kMax));
}

}  // namespace wrenn::envd
