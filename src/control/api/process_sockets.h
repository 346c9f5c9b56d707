// The WebSockets of a sandbox's processes: terminals, commands with their input, and the output of
// processes that run already.
#pragma once

#include "control/api/call.h"
#include "control/api/errors.h"
#include "net/task.h"

namespace wrenn::control {

struct Services;

// None of these ends its process by ending, unless the client wants it so.
net::Task<Answer<void>> pty_socket(Services& services, Call& call);
net::Task<Answer<void>> exec_socket(Services& services, Call& call);
net::Task<Answer<void>> process_socket(Services& services, Call& call);

}  // namespace wrenn::control
