// What a team has and had running: GET /v1/capsules/stats and /v1/capsules/usage.
#pragma once

#include <chrono>
#include <string_view>

#include "control/api/call.h"

namespace wrenn::control {

net::Task<Answer<void>> team_stats(Services& services, Call& call);
net::Task<Answer<void>> team_usage(Services& services, Call& call);

// "2026-01-31". Pure.
Answer<std::chrono::sys_days> parse_date(std::string_view text);
// From and to of a query, both included: the last 30 days unless given, and 92 at most. Pure.
struct DateSpan {
  std::chrono::sys_days from;
  std::chrono::sys_days to;
};
Answer<DateSpan> parse_dates(std::string_view query, std::chrono::sys_days today);

}  // namespace wrenn::control
