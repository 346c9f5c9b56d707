// The Unix sockets at which a host agent is called: the control plane's alone.
#pragma once

#include "base/files.h"
#include "net/stream.h"

namespace wrenn::agent {

// Listens on the path; the file is the control plane's user's.
base::Result<net::Listener> listen_for_control_plane(net::Loop& loop, const base::Path& path);
// True for the control plane's user, and for root.
bool is_control_plane(const net::Stream& client);

}  // namespace wrenn::agent
