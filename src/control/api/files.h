// Files in a sandbox over the API. Contents pass through in constant memory.
#pragma once

#include "control/api/call.h"
#include "control/api/errors.h"
#include "control/hosts/agent_client.h"
#include "net/task.h"

namespace wrenn::control {

struct Services;

// A form with the fields path (and user), then file. At most 100 MiB.
net::Task<Answer<void>> write_file(Services& services, Call& call);
// The same without a limit.
net::Task<Answer<void>> write_file_stream(Services& services, Call& call);
net::Task<Answer<void>> read_file(Services& services, Call& call);
net::Task<Answer<void>> list_dir(Services& services, Call& call);
net::Task<Answer<void>> make_dir(Services& services, Call& call);
net::Task<Answer<void>> remove_path(Services& services, Call& call);
net::Task<Answer<void>> move_path(Services& services, Call& call);

// A file as the answer. Until that has started, an error can still be one.
net::Task<Answer<void>> send_file(AgentClient& agent, Call& call, FileTarget file,
                                  net::Headers extra = {});

}  // namespace wrenn::control
