// The network of a sandbox over the API: what it may reach, and what it was refused.
#pragma once

#include "control/api/call.h"
#include "control/api/errors.h"
#include "net/task.h"

namespace wrenn::control {

struct Services;

// Replaces what it may reach; of a running or paused one.
net::Task<Answer<void>> set_network(Services& services, Call& call);
// The same in any state, with what a running one was refused. Wakes nothing.
net::Task<Answer<void>> get_network(Services& services, Call& call);

}  // namespace wrenn::control
