// The API keys of the team that the caller works in.
#pragma once

#include "control/api/call.h"

namespace wrenn::control {

net::Task<Answer<void>> create_api_key(Services& services, Call& call);
net::Task<Answer<void>> list_api_keys(Services& services, Call& call);
net::Task<Answer<void>> revoke_api_key(Services& services, Call& call);

}  // namespace wrenn::control
