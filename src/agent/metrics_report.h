// MetricsReport: the figures of a host. Each part counts for itself; here they are read and get
// their names.
#pragma once

#include <string>

#include "agent/data_plane.h"
#include "agent/host.h"
#include "agent/sandbox_manager.h"
#include "net/metrics_server.h"

namespace wrenn::agent {

// For the manager's loop. What it is given must outlive it.
class MetricsReport final : public net::MetricsSource {
 public:
  MetricsReport(const Host& host, const SandboxManager& manager, const DataPlane& data_plane)
      : host_(host), manager_(manager), data_plane_(data_plane) {}
  net::Task<std::string> metrics() override;

 private:
  const Host& host_;
  const SandboxManager& manager_;
  const DataPlane& data_plane_;
};

}  // namespace wrenn::agent
