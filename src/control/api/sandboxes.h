// The life of a sandbox over the API. What changes one goes on to its end when the client leaves.
#pragma once

#include "control/api/call.h"
#include "control/api/errors.h"
#include "net/task.h"

namespace wrenn::control {

struct Services;

// With a header Idempotency-Key, a client that lost the answer gets the same sandbox again.
net::Task<Answer<void>> create_sandbox(Services& services, Call& call);
net::Task<Answer<void>> list_sandboxes(Services& services, Call& call);
net::Task<Answer<void>> update_sandbox(Services& services, Call& call);
net::Task<Answer<void>> get_sandbox(Services& services, Call& call);
net::Task<Answer<void>> destroy_call(Services& services, Call& call);
net::Task<Answer<void>> pause_call(Services& services, Call& call);
net::Task<Answer<void>> hibernate_call(Services& services, Call& call);
net::Task<Answer<void>> resume_call(Services& services, Call& call);
net::Task<Answer<void>> set_timeout(Services& services, Call& call);
net::Task<Answer<void>> ping_sandbox(Services& services, Call& call);

}  // namespace wrenn::control
