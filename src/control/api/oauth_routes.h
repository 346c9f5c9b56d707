// Logging in by way of a provider of identity, and linking one's account to it. Browsers follow
// these addresses, so the way back ends with a redirect to the dashboard, whatever happens.
#pragma once

#include "control/api/call.h"

namespace wrenn::control {

net::Task<Answer<void>> list_providers(Services& services, Call& call);
net::Task<Answer<void>> go_to_provider(Services& services, Call& call);
net::Task<Answer<void>> come_from_provider(Services& services, Call& call);
net::Task<Answer<void>> connect_provider(Services& services, Call& call);
net::Task<Answer<void>> disconnect_provider(Services& services, Call& call);

}  // namespace wrenn::control
