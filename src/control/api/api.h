// Api: the REST API of the control plane as a handler of the HTTP server.
#pragma once

#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include "control/api/audit.h"
#include "control/api/call.h"
#include "control/api/errors.h"
#include "control/api/route_stats.h"
#include "control/api/router.h"
#include "control/services.h"
#include "net/http_server.h"

namespace wrenn::control {

struct RouteInfo {
  std::string_view method;
  std::string_view pattern;  // "/v1/capsules/{}"
  std::string_view access;   // Who it is for: "open", "key", "socket", "user" or "admin".
  AuditRule audit;
};
std::vector<RouteInfo> api_routes();

// For one loop. Requests run under the API's own stop token and not under the server's: when the
// server stops listening, those in progress go on until stop().
class Api final : public net::HttpHandler {
 public:
  explicit Api(Services& services);

  net::Task<base::Result<void>> handle(net::Request& request,
                                       net::ResponseWriter& response) override;

  // Connections end after the response they are at, WebSockets now.
  void begin_shutdown();
  // Requests in progress are cut.
  void stop() { stop_.request_stop(); }

  // Of each route, and of all that is none. From any thread.
  const std::deque<RouteStats>& stats() const { return stats_; }

 private:
  net::Task<Answer<void>> serve(Call& call);
  net::Task<Answer<void>> dispatch(Call& call);
  net::Task<Answer<void>> authenticate(Call& call);
  net::Task<Answer<void>> refuse_route(Call& call, const RouteLookup& lookup);

  Services& services_;
  RouteTable routes_;
  std::deque<RouteStats> stats_;
  net::StopSource stop_;
  bool shutting_down_ = false;
};

}  // namespace wrenn::control
