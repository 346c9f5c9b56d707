// Server: the agent's listener for the control plane, a Unix socket that root and wrenn-cp's user
// may use and nobody else.
#pragma once

#include "agent/agent_service.h"
#include "agent/file_routes.h"
#include "agent/terminal_service.h"
#include "net/http_server.h"

namespace wrenn::agent {

class Server final : public net::HttpHandler {
 public:
  explicit Server(SandboxManager& manager);
  // Until stopped.
  net::Task<void> serve(net::Listener listener);

  net::Task<base::Result<void>> handle(net::Request& request,
                                       net::ResponseWriter& response) override;

 private:
  AgentService service_;
  TerminalService terminals_;
  FileRoutes files_;
  connect::Router router_;
};

}  // namespace wrenn::agent
