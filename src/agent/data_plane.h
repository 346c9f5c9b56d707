// DataPlane: proxied traffic to the ports of this host's sandboxes. Its listener, its thread, its
// loop and its connections are its own, so that the busiest port slows no command and no terminal.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/config.h"
#include "agent/control_plane_socket.h"
#include "agent/sandbox.h"
#include "net/loop_thread.h"
#include "net/stream.h"
#include "proxy/guest.h"

namespace wrenn::agent {

// Made and used on the agent's own loop.
class DataPlane {
 public:
  // Listens at once (config.proxy_socket), and over the network where that is wanted.
  static base::Result<std::unique_ptr<DataPlane>> start(
      const AgentConfig& config, proxy::GuestLimits limits,
      const std::optional<RemoteAccess>& remote = std::nullopt);
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;
  // Cuts everything that is open.
  ~DataPlane();

  // From now on the ports of the sandbox, which runs, can be reached.
  base::Result<void> add(const Sandbox& sandbox);
  // Requests that are under way have `patience` to end; then what is open is cut. Returns when
  // nothing of it is left there. Unknown ids are fine.
  net::Task<void> remove(std::string sandbox_id, base::Duration patience = {});

  // From any thread.
  const proxy::ProxyStats& stats() const { return guests_.stats(); }

 private:
  explicit DataPlane(proxy::GuestLimits limits) : guests_(limits) {}
  static net::Task<void> serve(proxy::GuestTable& guests, net::Listener listener,
                               std::optional<net::Listener> remote,
                               std::shared_ptr<const net::StreamSecurity> security);

  proxy::GuestTable guests_;  // The thread's.
  net::LoopThread thread_;
};

}  // namespace wrenn::agent
