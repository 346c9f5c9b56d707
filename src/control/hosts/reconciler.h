// Reconciler: keeps the database and one host's agent in agreement, and the host's row online. Each
// host has its own, so that a silent one holds nobody up.
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

// For the API's loop; the services must outlive it.
class Reconciler {
 public:
  // `silence`: how long the host may be silent before its sandboxes count as missing.
  Reconciler(Services& services, std::string host_id,
             base::Duration silence = std::chrono::seconds(30))
      : services_(services), host_id_(std::move(host_id)), silence_(silence) {}

  // Once a second until stopped. While the agent is silent all it had is missing, and nothing is
  // given up.
  net::Task<void> run();
  // One round. An error means that the agent or the database did not answer.
  net::Task<base::Result<void>> run_once();

 private:
  enum class HostState { kAnswering, kSilent };
  enum class ArchiveState { kFine, kStuck };  // Whether removing the last one succeeded.

  net::Task<base::Result<void>> note_heard(std::optional<db::HostReport> report);
  net::Task<void> note_silence(base::Error error);
  net::Task<base::Result<void>> mark_missing();
  net::Task<base::Result<void>> note_host(std::string action);
  net::Task<base::Result<void>> remove_unknown(std::vector<std::string> ids);
  net::Task<base::Result<void>> remove_archives(AgentClient& agent);
  net::Task<base::Result<void>> drain(const std::vector<db::Sandbox>& rows);
  net::Task<void> destroy_all(std::vector<std::string> ids, std::string reason);

  Services& services_;
  const std::string host_id_;
  const base::Duration silence_;
  HostState host_ = HostState::kSilent;
  ArchiveState archives_ = ArchiveState::kFine;
  base::SteadyTime last_heartbeat_{};
  std::int64_t heard_since_ms_ = 0;
};

}  // namespace wrenn::control
