// Ports and times as people write them on the command line. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace wrenn::cli {

// "3000" -> port 3000 here and there, "8080:3000" -> 8080 here. Zero here: any that is free.
struct Forwarding {
  std::uint16_t local = 0;
  std::uint16_t remote = 0;
  bool operator==(const Forwarding&) const = default;
};

// kInvalidArgument, with what to write, for anything else.
base::Result<Forwarding> parse_forwarding(std::string_view text);

// "90s", "15m", "1h", "7d" or plain seconds, as seconds.
base::Result<std::int64_t> parse_seconds(std::string_view text);

}  // namespace wrenn::cli
