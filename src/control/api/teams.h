// Teams, who is in them, and who is invited.
#pragma once

#include "control/api/call.h"

namespace wrenn::control {

net::Task<Answer<void>> list_teams(Services& services, Call& call);
net::Task<Answer<void>> create_team(Services& services, Call& call);
// The following are of the team that the caller works in: kForbidden for any other one.
net::Task<Answer<void>> get_team(Services& services, Call& call);
net::Task<Answer<void>> rename_team(Services& services, Call& call);
net::Task<Answer<void>> delete_team(Services& services, Call& call);
net::Task<Answer<void>> leave_team(Services& services, Call& call);
net::Task<Answer<void>> hand_over_team(Services& services, Call& call);

net::Task<Answer<void>> list_members(Services& services, Call& call);
net::Task<Answer<void>> add_member(Services& services, Call& call);
net::Task<Answer<void>> set_member_role(Services& services, Call& call);
net::Task<Answer<void>> remove_member(Services& services, Call& call);

net::Task<Answer<void>> list_invitations(Services& services, Call& call);
net::Task<Answer<void>> invite_member(Services& services, Call& call);
net::Task<Answer<void>> withdraw_invitation(Services& services, Call& call);
net::Task<Answer<void>> accept_invitation(Services& services, Call& call);

net::Task<Answer<void>> search_users(Services& services, Call& call);

// With its keys and memberships. kForbidden for the platform's own, kHasActiveSandboxes while it
// has some.
net::Task<Answer<void>> remove_team(Services& services, std::string team_id);

}  // namespace wrenn::control
