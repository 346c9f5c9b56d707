// What agents of registered hosts call: with a registration token first, and from then on signed
// with their keys (net/signed_request.h).
#pragma once

#include "control/api/call.h"

namespace wrenn::control {

// kUnauthorized for a token that is not good (any more).
net::Task<Answer<void>> register_host(Services& services, Call& call);
// These two: kNotFound for a host that was removed, kUnauthorized for what it has not signed, has
// signed too long ago, or has sent before.
net::Task<Answer<void>> host_heartbeat(Services& services, Call& call);
net::Task<Answer<void>> renew_host_certificate(Services& services, Call& call);

}  // namespace wrenn::control
