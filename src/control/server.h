// The control plane as a process: everything wired, from the start to the end.
#pragma once

#include <string>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "control/proxy_settings.h"

namespace wrenn::control {

struct ServerOptions {
  std::string listen = "127.0.0.1:8080";  // ":8080" means every interface.
  base::Path database;                    // Its directory is made when it is missing.
  // As parse_hosts() takes them.
  std::vector<std::string> agents;
  std::vector<std::string> agent_proxies;
  std::string local_proxy;
  ProxyOptions proxy;
  int ready_fd = -1;  // Gets the line "ready" once we listen.
};

// Serves until SIGTERM or SIGINT, then gives the requests in progress a few seconds. To be called
// before any thread is started.
base::Result<void> run_server(const ServerOptions& options);

}  // namespace wrenn::control
