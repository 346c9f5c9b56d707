#include "agent/server.h"

#include "agent/control_plane_socket.h"
#include "base/log.h"
#include "base/request_id.h"
#include "base/strings.h"
#include "net/scope.h"

namespace wrenn::agent {

using base::Result;

namespace {

constexpr std::size_t kLoggedPath = 200;

}  // namespace

Server::Server(SandboxManager& manager, net::MetricsSource& metrics)
    : service_(manager),
      terminals_(manager),
      files_(manager),
      manager_(manager),
      metrics_(metrics) {
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

net::Task<void> Server::serve_remote(net::Listener listener,
                                     std::shared_ptr<const net::StreamSecurity> security) {
  net::HttpServer server(*this, {.body_timeout = std::chrono::minutes(10),
                                 .keep_alive = true,
                                 .security = std::move(security)});
  co_await server.serve(std::move(listener));
}

net::Task<Result<void>> Server::handle(net::Request& request, net::ResponseWriter& response) {
  if (!is_control_plane(request.stream())) {
    co_return co_await response.send(403, {}, "only the control plane may call the agent\n");
  }
  const auto given = request.headers().find(base::kRequestIdField);
  // What the control plane does by itself, such as looking what is there, is for no request.
  if (!given) co_return co_await route(request, response);
  const std::string id = base::request_id_of(given);
  response.add_field(base::kRequestIdField, id);
  const auto began = base::steady_now();
  auto routed = co_await net::with_request_id(id, route(request, response));
  base::log_info("call", {{"method", request.method()},
                          {"path", request.path().substr(0, kLoggedPath)},
                          {"status", response.status()},
                          {"ms", base::to_ms(base::steady_now() - began)},
                          {"request", id}});
  co_return routed;
}

net::Task<Result<void>> Server::route(net::Request& request, net::ResponseWriter& response) {
  if (FileRoutes::owns(request.path())) co_return co_await files_.handle(request, response);
  if (request.path() == "/metrics") co_return co_await net::send_metrics(metrics_, response);
  if (request.path() == "/health") {
    co_return co_await response.send(
        200, net::Headers().with("Content-Type", "application/json"),
        base::concat(R"({"status":"ok","version":")", WRENN_VERSION, "\"}"));
  }
  if (request.path() == "/ready") {
    const base::Readiness readiness = manager_.readiness();
    co_return co_await response.send(readiness.http_status(),
                                     net::Headers().with("Content-Type", "application/json"),
                                     readiness.to_json(WRENN_VERSION));
  }
  co_return co_await router_.handle(request, response);
}

}  // namespace wrenn::agent
