// The guest's events of a command as those of the agent's calls. Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"
#include "proto/agent.pb.h"
#include "proto/process.pb.h"

namespace wrenn::agent {

// As a shell tells how a command ended. The guest's own exit_code is -1 after a signal.
int shell_exit_code(const process::ProcessEvent::EndEvent& end);

// False for an event that its caller is not told: a keep-alive. `offset`: where in the command's
// output this event begins, counted on here.
bool to_exec_event(const process::ProcessEvent& event, std::uint64_t& offset,
                   hostagent::v1::ExecStreamResponse& out);
// The same for a command in a terminal. kFailedPrecondition: it has none.
base::Result<bool> to_pty_event(const process::ProcessEvent& event, std::string_view tag,
                                std::uint64_t& offset, hostagent::v1::PtyAttachResponse& out);

}  // namespace wrenn::agent
