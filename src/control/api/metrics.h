// What a sandbox has used: GET /v1/capsules/{id}/metrics.
#pragma once

#include "control/api/call.h"

namespace wrenn::control {

net::Task<Answer<void>> sandbox_metrics(Services& services, Call& call);

}  // namespace wrenn::control
