// Channels of the team that the caller works in: who is told of what happens there. Owners and
// admins change them, all members may look.
#pragma once

#include "control/api/call.h"

namespace wrenn::control {

net::Task<Answer<void>> create_channel(Services& services, Call& call);
net::Task<Answer<void>> list_channels(Services& services, Call& call);
net::Task<Answer<void>> get_channel(Services& services, Call& call);
net::Task<Answer<void>> update_channel(Services& services, Call& call);
net::Task<Answer<void>> remove_channel(Services& services, Call& call);
// A webhook's new secret is in the answer, this once.
net::Task<Answer<void>> set_channel_config(Services& services, Call& call);
// With a config that need not be anybody's yet.
net::Task<Answer<void>> try_channel_config(Services& services, Call& call);
net::Task<Answer<void>> try_channel(Services& services, Call& call);
net::Task<Answer<void>> list_deliveries(Services& services, Call& call);
net::Task<Answer<void>> deliver_again(Services& services, Call& call);

}  // namespace wrenn::control
