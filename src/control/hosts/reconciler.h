// Reconciler: keeps the database and the host agent in agreement, and the host's row online.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "control/hosts/reconcile_plan.h"
#include "control/services.h"
#include "net/task.h"

namespace wrenn::control {

// Puts the local host into the database, before any sandbox can be; unreachable until it is heard.
// Blocking.
base::Result<void> register_local_host(db::HostStore& hosts, const std::string& agent_address);

// For the API's loop; the services must outlive it.
class Reconciler {
 public:
  explicit Reconciler(Services& services) : services_(services) {}

  // Once a second until stopped. While the agent does not answer nothing is marked lost.
  net::Task<void> run();
  // One round. An error means that the agent or the database did not answer.
  net::Task<base::Result<void>> run_once();

 private:
  enum class HostState { kAnswering, kSilent };

  net::Task<base::Result<void>> note_heard();
  net::Task<void> note_silence(base::Error error);
  net::Task<void> destroy_all(std::vector<std::string> ids, std::string reason);

  Services& services_;
  HostState host_ = HostState::kSilent;
  base::SteadyTime last_heartbeat_{};
};

}  // namespace wrenn::control
