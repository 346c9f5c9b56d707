// What the changes of a sandbox's life are made of; for lifecycle.cc and hibernation.cc alone.
#pragma once

#include <string>

#include "control/lifecycle.h"

namespace wrenn::control {

// Saving and starting take as long as there is memory to write or read, and a VM may have to boot.
inline constexpr auto kMaxChange = std::chrono::minutes(5);

// Waits a moment and reads the row anew.
net::Task<Answer<db::Sandbox>> look_again(LifecycleServices services, std::string id);
net::Task<Answer<bool>> transition(LifecycleServices services, std::string id,
                                   db::SandboxState from, db::SandboxState to,
                                   db::SandboxChanges changes = {});
// The row of a change that succeeded; kInvalidState when somebody destroyed it at the same time.
net::Task<Answer<Changed>> finish(LifecycleServices services, std::string id, db::SandboxState from,
                                  db::SandboxState to, db::SandboxChanges changes, Timings timings);
ApiError too_slow(const db::Sandbox& row, base::Duration limit);

}  // namespace wrenn::control
