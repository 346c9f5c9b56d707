// Where a host agent is called: at Unix sockets, where the kernel says who calls, and over a
// network, where certificates do. Only the control plane gets through.
#pragma once

#include <memory>

#include "base/files.h"
#include "net/stream.h"
#include "net/stream_filter.h"

namespace wrenn::agent {

// Listens on the path; the file is the control plane's user's.
base::Result<net::Listener> listen_for_control_plane(net::Loop& loop, const base::Path& path);
// Where a registered host listens for calls, or for traffic.
struct RemoteAccess {
  net::Endpoint listen;
  std::shared_ptr<const net::StreamSecurity> security;  // Accepts the control plane alone.
};
// True for the control plane's user, for root, and for whoever a RemoteAccess has accepted.
bool is_control_plane(const net::Stream& client);

}  // namespace wrenn::agent
