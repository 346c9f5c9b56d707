// Commands in a sandbox over the API: run one, list and kill those in the background.
#pragma once

#include "control/api/call.h"
#include "control/api/errors.h"
#include "net/task.h"

namespace wrenn::control {

struct Services;

// In the foreground the answer holds the whole output, or streams it with
// "Accept: application/x-ndjson"; the client going away kills the command. In the background it
// holds the pid.
net::Task<Answer<void>> exec_command(Services& services, Call& call);
net::Task<Answer<void>> list_processes(Services& services, Call& call);
net::Task<Answer<void>> kill_process(Services& services, Call& call);

}  // namespace wrenn::control
