#include "agent/server.h"

#include "agent/control_plane_socket.h"
#include "base/strings.h"

namespace wrenn::agent {

using base::Result;

Server::Server(SandboxManager& manager) : service_(manager), terminals_(manager), files_(manager) {
  service_.add_to(router_);
  terminals_.add_to(router_);
}

net::Task<void> Server::serve(net::Listener listener) {
  net::HttpServerOptions options;
  // A slow upload is not a broken one: its sender is our own control plane.
  options.body_timeout = std::chrono::minutes(10);
  net::HttpServer server(*this, options);
  co_await server.serve(std::move(listener));
}

net::Task<Result<void>> Server::handle(net::Request& request, net::ResponseWriter& response) {
  if (!is_control_plane(request.stream())) {
    co_return co_await response.send(403, {}, "only the control plane may call the agent\n");
  }
  if (FileRoutes::owns(request.path())) co_return co_await files_.handle(request, response);
  if (request.path() == "/health") {
    co_return co_await response.send(
        200, net::Headers().with("Content-Type", "application/json"),
        base::concat(R"({"status":"ok","version":")", WRENN_VERSION, "\"}"));
  }
  co_return co_await router_.handle(request, response);
}

}  // namespace wrenn::agent
