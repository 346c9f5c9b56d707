// Tunnel: a TCP connection of this machine, carried to a port of a sandbox through the proxy.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "net/stream.h"

namespace wrenn::cli {

struct TunnelTarget {
  net::Endpoint proxy;
  std::string authority;  // The proxy's Host field.
  std::string sandbox_id;
  std::uint16_t port = 0;
  base::Secret traffic_token;
};

// Carries the bytes of both directions until both have ended; the end of one is passed on and
// leaves the other open. An error means that there was never a way to the port, with the reason
// the proxy gave; kCanceled when stopped. A connection that breaks later just ends, as it would
// without us.
net::Task<base::Result<void>> carry(std::unique_ptr<net::Stream> client, TunnelTarget target);

}  // namespace wrenn::cli
