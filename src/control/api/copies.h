// Copies of a sandbox over the API.
#pragma once

#include "control/api/call.h"
#include "control/api/errors.h"
#include "net/task.h"

namespace wrenn::control {

struct Services;

// It is somewhere, and stands still or can be made to.
Answer<void> check_can_be_copied(const db::Sandbox& sandbox);
// Goes on to its end when the client leaves.
net::Task<Answer<void>> fork_sandbox(Services& services, Call& call);

}  // namespace wrenn::control
