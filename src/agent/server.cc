#include "agent/server.h"

#include <unistd.h>

#include <cerrno>

#include "base/strings.h"

namespace wrenn::agent {
namespace {

using base::Result;

bool may_call(const net::PeerCredentials& peer) {
  return peer.uid == 0 || peer.uid == kControlPlaneUid;
}

}  // namespace

Server::Server(SandboxManager& manager) : service_(manager), terminals_(manager), files_(manager) {
  service_.add_to(router_);
  terminals_.add_to(router_);
}

Result<net::Listener> Server::listen(net::Loop& loop, const AgentConfig& config) {
  WRENN_TRY_ASSIGN(const auto endpoint, net::Endpoint::unix_socket(config.socket.native()));
  WRENN_TRY_ASSIGN(auto listener, net::Listener::listen(loop, endpoint, 0600));
  if (::chown(config.socket.c_str(), kControlPlaneUid, kControlPlaneUid) != 0) {
    return base::fail_errno(errno, "cannot give the agent's socket to the control plane");
  }
  return listener;
}

net::Task<void> Server::serve(net::Listener listener) {
  net::HttpServerOptions options;
  // A slow upload is not a broken one: its sender is our own control plane.
  options.body_timeout = std::chrono::minutes(10);
  net::HttpServer server(*this, options);
  co_await server.serve(std::move(listener));
}

net::Task<Result<void>> Server::handle(net::Request& request, net::ResponseWriter& response) {
  WRENN_CO_TRY_ASSIGN(const auto peer, request.stream().peer_credentials());
  if (!may_call(peer)) {
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
