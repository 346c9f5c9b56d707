// Api: the REST API of the control plane as a handler of the HTTP server.
#pragma once

#include <span>
#include <string_view>

#include "control/api/call.h"
#include "control/api/errors.h"
#include "control/api/router.h"
#include "control/services.h"
#include "net/http_server.h"

namespace wrenn::control {

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

 private:
  net::Task<Answer<void>> serve(Call& call);
  net::Task<Answer<void>> dispatch(Call& call);
  net::Task<Answer<void>> authenticate(Call& call);
  net::Task<Answer<void>> refuse_route(Call& call, const RouteLookup& lookup);

  Services& services_;
  RouteTable routes_;
  net::StopSource stop_;
  bool shutting_down_ = false;
};

}  // namespace wrenn::control
