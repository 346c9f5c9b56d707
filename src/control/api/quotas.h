// What teams may have at most: for the teams to read, for administrators of the platform to set.
#pragma once

#include "control/api/call.h"

namespace wrenn::control {

net::Task<Answer<void>> get_own_quota(Services& services, Call& call);
// That of all teams without one of their own.
net::Task<Answer<void>> get_quota_of_all(Services& services, Call& call);
net::Task<Answer<void>> set_quota_of_all(Services& services, Call& call);
net::Task<Answer<void>> remove_quota_of_all(Services& services, Call& call);
// A team's own.
net::Task<Answer<void>> get_team_quota(Services& services, Call& call);
net::Task<Answer<void>> set_team_quota(Services& services, Call& call);
net::Task<Answer<void>> remove_team_quota(Services& services, Call& call);

// Of creating `count` sandboxes: says when to ask again, where it is the rate that was too high.
net::Task<ApiError> with_wait(Services& services, std::string team_id, int count, ApiError error);

}  // namespace wrenn::control
