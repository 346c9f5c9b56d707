// Server: the agent's listeners for the control plane: a Unix socket that root and wrenn-cp's user
// may use and nobody else, and for a registered host one on the network.
#pragma once

#include "agent/agent_service.h"
#include "agent/file_routes.h"
#include "agent/terminal_service.h"
#include "net/http_server.h"
#include "net/metrics_server.h"

namespace wrenn::agent {

class Server final : public net::HttpHandler {
 public:
  // Both must outlive it.
  Server(SandboxManager& manager, net::MetricsSource& metrics);
  // Until stopped.
  net::Task<void> serve(net::Listener listener);
  // The same at an address that others reach; `security` says who gets through.
  net::Task<void> serve_remote(net::Listener listener,
                               std::shared_ptr<const net::StreamSecurity> security);

  net::Task<base::Result<void>> handle(net::Request& request,
                                       net::ResponseWriter& response) override;

 private:
  net::Task<base::Result<void>> route(net::Request& request, net::ResponseWriter& response);

  AgentService service_;
  TerminalService terminals_;
  FileRoutes files_;
  SandboxManager& manager_;
  net::MetricsSource& metrics_;
  connect::Router router_;
};

}  // namespace wrenn::agent
