// What people do with their own account.
#pragma once

#include "control/api/call.h"

namespace wrenn::control {

net::Task<Answer<void>> get_own_account(Services& services, Call& call);
net::Task<Answer<void>> rename_own_account(Services& services, Call& call);
net::Task<Answer<void>> change_own_password(Services& services, Call& call);
net::Task<Answer<void>> delete_own_account(Services& services, Call& call);
net::Task<Answer<void>> list_own_sessions(Services& services, Call& call);
net::Task<Answer<void>> end_own_session(Services& services, Call& call);

}  // namespace wrenn::control
