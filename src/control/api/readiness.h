// GET /ready: whether this control plane can do its work now. For whoever sends it work, so anybody
// may ask; what is wrong in detail is in the log.
#pragma once

#include "base/readiness.h"
#include "control/api/call.h"
#include "control/services.h"

namespace wrenn::control {

net::Task<Answer<void>> get_readiness(Services& services, Call& call);

// A lost host, or all of them, is a warning: there may be others later, and what needs none goes
// on.
base::ReadinessCheck check_hosts(const std::vector<db::Host>& hosts);

}  // namespace wrenn::control
