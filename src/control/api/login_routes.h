// Signing up, logging in and out, and going on with a session.
#pragma once

#include "control/api/call.h"

namespace wrenn::control {

net::Task<Answer<void>> sign_up(Services& services, Call& call);
net::Task<Answer<void>> activate_account(Services& services, Call& call);
net::Task<Answer<void>> log_in(Services& services, Call& call);
net::Task<Answer<void>> refresh_session(Services& services, Call& call);
net::Task<Answer<void>> log_out(Services& services, Call& call);
net::Task<Answer<void>> switch_team(Services& services, Call& call);
net::Task<Answer<void>> ask_for_reset(Services& services, Call& call);
net::Task<Answer<void>> reset_password(Services& services, Call& call);

// A request that a browser sends with its cookie must come from a page of ours: kForbidden when the
// Origin it names is neither the address it was sent to nor the public one.
Answer<void> check_origin(const Services& services, const net::Request& request);

}  // namespace wrenn::control
