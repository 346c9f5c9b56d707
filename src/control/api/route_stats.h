// RouteStats: what one route of the API counts. By its pattern and never by the path that was asked
// for, so there are only as many as there are routes.
#pragma once

#include <string_view>

#include "base/instruments.h"
#include "net/http_server.h"

namespace wrenn::control {

struct RouteStats {
  RouteStats(std::string_view m, std::string_view p) : method(m), pattern(p) {}

  // A WebSocket lasts as long as its client likes: no time is kept of it.
  void count(const net::ResponseWriter& response, base::Duration duration) {
    answers.add(response.status());
    if (!response.upgraded()) took.observe(duration);
  }

  const std::string_view method;
  const std::string_view pattern;
  base::StatusCounters answers;
  base::DurationHistogram took{base::kCallBounds};
};

}  // namespace wrenn::control
