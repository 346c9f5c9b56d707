// MetricsReport: the figures of the control plane. Each part counts for itself; here they are read
// and get their names.
#pragma once

#include <string>

#include "control/api/api.h"
#include "control/data_plane.h"
#include "control/services.h"
#include "db/database.h"
#include "net/metrics_server.h"

namespace wrenn::control {

// For the loop of the API. What it is given must outlive it.
class MetricsReport final : public net::MetricsSource {
 public:
  MetricsReport(Services& services, const Api& api, const db::Database& database,
                const proxy::ProxyStats& proxy)
      : services_(services), api_(api), database_(database), proxy_(proxy) {}

  // Without the database wrenn_database_up is 0, and what it alone knows is left out.
  net::Task<std::string> metrics() override;

 private:
  Services& services_;
  const Api& api_;
  const db::Database& database_;
  const proxy::ProxyStats& proxy_;
};

}  // namespace wrenn::control
