// What administrators of the platform do.
#pragma once

#include "control/api/call.h"

namespace wrenn::control {

net::Task<Answer<void>> list_users(Services& services, Call& call);
net::Task<Answer<void>> set_user_active(Services& services, Call& call);

net::Task<Answer<void>> list_all_teams(Services& services, Call& call);
net::Task<Answer<void>> delete_any_team(Services& services, Call& call);
// Whether a team may bring hosts of its own. What it has brought stays.
net::Task<Answer<void>> set_team_byoc(Services& services, Call& call);

net::Task<Answer<void>> list_all_sandboxes(Services& services, Call& call);
net::Task<Answer<void>> destroy_any_sandbox(Services& services, Call& call);

}  // namespace wrenn::control
