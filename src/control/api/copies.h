// Copies of a sandbox over the API: forks, and the templates that are called snapshots there.
#pragma once

#include "control/api/call.h"
#include "control/api/errors.h"
#include "net/task.h"

namespace wrenn::control {

struct Services;

// All go on to their end when the client leaves.
net::Task<Answer<void>> fork_sandbox(Services& services, Call& call);
net::Task<Answer<void>> create_snapshot(Services& services, Call& call);
net::Task<Answer<void>> list_snapshots(Services& services, Call& call);
net::Task<Answer<void>> delete_snapshot(Services& services, Call& call);

}  // namespace wrenn::control
