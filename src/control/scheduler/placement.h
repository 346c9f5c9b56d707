// Places for sandboxes: the scheduler's choice and the database's word that there is room.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/lifecycle.h"
#include "control/scheduler/scheduler.h"
#include "net/task.h"

namespace wrenn::control {

class AgentClient;

// A host has room and the row says that it is there.
struct Placed {
  std::string host_id;
  std::vector<std::string> others;  // That may be asked when it refuses, in turn.
};

// All of these answer with kNoHostsAvailable and what is missing when no host has room, and with
// kHostUnavailable when there is none at all.

// Writes the rows, starting, on one host. `rows` become what is stored. On a pool thread.
Answer<Placed> place_new(LifecycleServices services, const Demand& demand,
                         std::span<db::Sandbox> rows);
// Begins to resume what is paused, on its host, or hibernated, on any. Nothing when somebody else
// changed the row first.
net::Task<Answer<std::optional<Placed>>> place_resume(LifecycleServices services,
                                                      db::Sandbox sandbox, db::SandboxState from);
// Leaves the row, which is in `state`, to the next host that has room. Nothing when none has, or
// somebody destroyed the sandbox meanwhile. Database errors as they are.
net::Task<base::Result<std::optional<Placed>>> place_elsewhere(LifecycleServices services,
                                                               db::Sandbox sandbox,
                                                               db::SandboxState state,
                                                               std::vector<std::string> others);
// kUnavailable for a host that is drained: nothing starts there.
net::Task<base::Result<void>> check_not_drained(LifecycleServices services, std::string host_id);
// All that the services know, those that answer first: for what any of them can do.
net::Task<base::Result<std::vector<std::string>>> hosts_to_try(LifecycleServices services);

// Whether another host may do what one has refused. After kUnavailable the one may still have begun
// it: see that nothing is left there.
bool may_do_elsewhere(const base::Error& error);

// Nobody wants it there: nothing is to be left of it. When the host does not answer, its reconciler
// removes it later.
net::Task<void> destroy_leftover(AgentClient& agent, std::string id);

}  // namespace wrenn::control
