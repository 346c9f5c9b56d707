#include "agent/control_plane_socket.h"

#include <unistd.h>

#include <cerrno>

#include "agent/config.h"

namespace wrenn::agent {

base::Result<net::Listener> listen_for_control_plane(net::Loop& loop, const base::Path& path) {
  WRENN_TRY_ASSIGN(const auto endpoint, net::Endpoint::unix_socket(path.native()));
  WRENN_TRY_ASSIGN(auto listener, net::Listener::listen(loop, endpoint, 0600));
  if (::chown(path.c_str(), kControlPlaneUid, kControlPlaneUid) != 0) {
    return base::fail_errno(errno, "cannot give the agent's socket to the control plane");
  }
  return listener;
}

bool is_control_plane(const net::Stream& client) {
  if (client.is_secured()) return true;
  const auto peer = client.peer_credentials();
  return peer && (peer->uid == 0 || peer->uid == kControlPlaneUid);
}

}  // namespace wrenn::agent
