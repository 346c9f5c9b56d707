// The ports of a sandbox over the API: which there are, who may reach them, and at which addresses.
#pragma once

#include "control/api/call.h"
#include "control/api/errors.h"
#include "control/proxy_settings.h"
#include "net/task.h"

namespace wrenn::control {

struct Services;

// What listens in the sandbox, and ports that are public though nothing listens on them yet.
net::Task<Answer<void>> list_ports(Services& services, Call& call);
// Makes a port public, or private again.
net::Task<Answer<void>> set_port(Services& services, Call& call);
// Signed addresses of a port for who has no key, and the traffic token of its sandbox.
net::Task<Answer<void>> make_port_url(Services& services, Call& call);

// kMisdirected, with the right address, for a request that the proxy should have got.
Answer<void> check_place(const ProxySettings& settings, const net::Request& request);

}  // namespace wrenn::control
