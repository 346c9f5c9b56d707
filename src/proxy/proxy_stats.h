// ProxyStats: what one half of the proxy counts. Written by its loop, read by any thread.
#pragma once

#include <string_view>

#include "base/exposition.h"
#include "base/instruments.h"
#include "proxy/tunnel.h"

namespace wrenn::proxy {

struct ProxyStats {
  base::Gauge open;              // Requests and tunnels under way.
  base::StatusCounters answers;  // To requests; an upgrade is a 1xx.
  // Bodies, and what tunnels and upgraded connections carry.
  base::Counter bytes_in;   // To programs in sandboxes.
  base::Counter bytes_out;  // From them.

  void count_bytes(Flow flow, std::uint64_t bytes) {
    (flow == Flow::kIn ? bytes_in : bytes_out).add(bytes);
  }
  // As PREFIX_proxy_...
  void write_to(base::Exposition& out, std::string_view prefix) const;
};

}  // namespace wrenn::proxy
