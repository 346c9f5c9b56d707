#include "proxy/proxy_stats.h"

#include "base/strings.h"

namespace wrenn::proxy {

using base::concat;
using base::MetricKind;

void ProxyStats::write_to(base::Exposition& out, std::string_view prefix) const {
  out.single(MetricKind::kGauge, concat(prefix, "_proxy_open_requests"),
             "Requests and tunnels to ports of sandboxes that are under way.", open.value());
  out.begin(MetricKind::kCounter, concat(prefix, "_proxy_requests_total"),
            "Requests to ports of sandboxes, by the class of the answer's status.");
  for (std::size_t i = 0; i < base::StatusCounters::kClasses.size(); ++i) {
    out.sample({{"status", base::StatusCounters::kClasses.at(i)}}, answers.value(i));
  }
  out.begin(MetricKind::kCounter, concat(prefix, "_proxy_bytes_total"),
            "Bytes of bodies and tunnels that were carried: in, to sandboxes, and out.");
  out.sample({{"direction", "in"}}, bytes_in.value());
  out.sample({{"direction", "out"}}, bytes_out.value());
}

}  // namespace wrenn::proxy
