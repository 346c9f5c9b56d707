// Signing up, logging in and out, and going on with a session.
#pragma once

#include "control/accounts/accounts.h"
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

// From where somebody logs in, as the request says.
db::SessionOrigin origin_of(Call& call);
// The value of Set-Cookie that gives the browser its refresh token, for /v1/auth and no script.
std::string session_cookie(const Services& services, const Login& login);

// A request that a browser sends with its cookie must come from a page of ours: kForbidden when the
// Origin it names is neither the address it was sent to nor the public one.
Answer<void> check_origin(const Services& services, const net::Request& request);

}  // namespace wrenn::control
