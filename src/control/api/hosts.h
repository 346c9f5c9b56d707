// Hosts, as those who run them see them. Administrators of the platform (and keys of its own team)
// may do everything; administrators of a team that brings hosts of its own may do it with these.
#pragma once

#include "control/api/call.h"

namespace wrenn::control {

net::Task<Answer<void>> create_host(Services& services, Call& call);
net::Task<Answer<void>> list_hosts(Services& services, Call& call);
// The following are kNotFound for a host that the caller may not see.
net::Task<Answer<void>> get_host(Services& services, Call& call);
net::Task<Answer<void>> update_host(Services& services, Call& call);
// kHasActiveSandboxes while there are sandboxes, unless it is forced: then these end.
net::Task<Answer<void>> remove_host(Services& services, Call& call);
net::Task<Answer<void>> preview_host_removal(Services& services, Call& call);
net::Task<Answer<void>> renew_host_token(Services& services, Call& call);
net::Task<Answer<void>> drain_host(Services& services, Call& call);
net::Task<Answer<void>> undrain_host(Services& services, Call& call);

}  // namespace wrenn::control
