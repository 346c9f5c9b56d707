// The row of a sandbox that is being made, from its beginning to its success or its failure.
#pragma once

#include <optional>
#include <string>

#include "control/api/requests.h"
#include "db/sandbox_store.h"
#include "net/task.h"

namespace hostagent::v1 {
class SandboxInfo;
}

namespace wrenn::control {

struct Services;

// What the client said, over what stands there.
void apply(const LifecycleParams& params, db::LifecycleSettings& settings);
// Counted from now.
void set_lifecycle(db::LifecycleSettings settings, db::Sandbox& row);

// On a pool thread. False when the sandbox was destroyed meanwhile.
base::Result<bool> mark_running(db::SandboxStore& sandboxes, db::Sandbox& row,
                                const hostagent::v1::SandboxInfo& made);
// It could not be made: the row says why, and its host has nothing of it.
net::Task<void> give_up(Services& services, std::string id, std::optional<std::string> host_id,
                        std::string reason);

}  // namespace wrenn::control
