// The life of a sandbox over the API: create, list, get, destroy, ping.
#pragma once

#include "control/api/call.h"
#include "control/api/errors.h"
#include "net/task.h"

namespace wrenn::control {

struct Services;

// Goes on to its end when the client leaves: the sandbox is there and is listed.
net::Task<Answer<void>> create_sandbox(Services& services, Call& call);
net::Task<Answer<void>> list_sandboxes(Services& services, Call& call);
net::Task<Answer<void>> get_sandbox(Services& services, Call& call);
net::Task<Answer<void>> destroy_sandbox(Services& services, Call& call);
net::Task<Answer<void>> ping_sandbox(Services& services, Call& call);

}  // namespace wrenn::control
