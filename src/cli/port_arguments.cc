#include "cli/port_arguments.h"

#include <limits>
#include <optional>

#include "base/strings.h"

namespace wrenn::cli {
namespace {

std::optional<std::int64_t> seconds_in(char unit) {
  switch (unit) {
    case 's':
      return 1;
    case 'm':
      return 60;
    case 'h':
      return 3600;
    case 'd':
      return 24 * 3600;
    default:
      return std::nullopt;
  }
}

}  // namespace

base::Result<Forwarding> parse_forwarding(std::string_view text) {
  const auto colon = text.find(':');
  const auto remote_text = colon == std::string_view::npos ? text : text.substr(colon + 1);
  const auto local = base::parse_int<std::uint16_t>(text.substr(0, colon));
  const auto remote = base::parse_int<std::uint16_t>(remote_text);
  if (!local || !remote || *remote == 0) {
    return base::fail(base::Code::kInvalidArgument,
                      base::concat("'", text, "' is not a port to forward"),
                      "write it like 3000, or like 8080:3000 for port 8080 of this machine");
  }
  return Forwarding{.local = *local, .remote = *remote};
}

base::Result<std::int64_t> parse_seconds(std::string_view text) {
  const auto unit = text.empty() ? std::nullopt : seconds_in(text.back());
  const auto digits = unit ? text.substr(0, text.size() - 1) : text;
  const auto number = base::parse_int<std::int64_t>(digits);
  const std::int64_t factor = unit.value_or(1);
  if (!number || *number <= 0 || *number > std::numeric_limits<std::int64_t>::max() / factor) {
    return base::fail(base::Code::kInvalidArgument, base::concat("'", text, "' is not a time"),
                      "write it like 90s, 15m, 1h or 7d");
  }
  return *number * factor;
}

}  // namespace wrenn::cli
