// Making sandboxes and ending them: the row in the database and the sandbox on its host together.
#pragma once

#include <optional>
#include <string>

#include "control/lifecycle.h"
#include "net/task.h"

namespace wrenn::control {

struct Services;

// What a sandbox is made from: a template of the team, or an image of the hosts.
struct Origin {
  std::string name_on_host;
  int vcpus = 1;
  int memory_mb = 512;
  int disk_mb = 5120;
  std::optional<std::string> host_id;  // The only one that has it.
  db::SandboxSource source = {};       // Of a template.
};

// `row` is complete but for its host. It is written before any host is asked, so that a lost reply
// or a crash leaves something that reconciliation can find. On an error nothing of it runs, and the
// row, if there is one, says why.
net::Task<Answer<Changed>> create_from(Services& services, db::Sandbox row, Origin origin);

// Whatever it is in; what has ended is fine. On an error it may be there still.
net::Task<Answer<void>> destroy_sandbox(Services& services, db::Sandbox sandbox);

}  // namespace wrenn::control
