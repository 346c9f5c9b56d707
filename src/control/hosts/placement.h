// Which host a sandbox is made or woken on.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/lifecycle.h"
#include "db/host_store.h"
#include "net/task.h"

namespace wrenn::control {

class AgentClient;

// Of `hosts`, those that were heard a moment ago, the one with the fewest sandboxes first. When
// there are none, all of them: whoever is asked says best why it cannot be. Pure.
std::vector<std::string> rank_hosts(std::vector<db::Host> hosts,
                                    const std::map<std::string, int>& sandboxes,
                                    std::int64_t now_ms);
// Those where something new of this team may be made: none that is drained, none of another team;
// of a team that has hosts of its own, these alone. Pure.
std::vector<db::Host> hosts_open_to(std::vector<db::Host> hosts, std::string_view team_id);
// The same for making or waking a sandbox of the team.
net::Task<base::Result<std::vector<std::string>>> hosts_to_make_on(LifecycleServices services,
                                                                   std::string team_id);
// kUnavailable for a host that is drained: nothing starts there.
net::Task<base::Result<void>> check_not_drained(LifecycleServices services, std::string host_id);
// All that the services know, ranked: for what any of them can do.
net::Task<base::Result<std::vector<std::string>>> hosts_to_try(LifecycleServices services);

// Whether another host may do what one has refused. After kUnavailable the one may still have begun
// it: see that nothing is left there.
bool may_do_elsewhere(const base::Error& error);

// Nobody wants it there: nothing is to be left of it. When the host does not answer, its reconciler
// removes it later.
net::Task<void> destroy_leftover(AgentClient& agent, std::string id);

}  // namespace wrenn::control
