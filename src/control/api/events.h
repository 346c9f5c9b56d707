// GET /v1/events: what changes in the caller's team, as it happens.
#pragma once

#include "control/api/call.h"

namespace wrenn::control {

// Server-sent events (the WHATWG's HTML, "Server-sent events") until the client leaves, may not
// listen any more, reads too slowly, or the control plane stops.
net::Task<Answer<void>> stream_events(Services& services, Call& call);

}  // namespace wrenn::control
