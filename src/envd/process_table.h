// ProcessTable: starts commands, watches over them, and knows which are running.
#pragma once

#include <cstddef>
#include <map>
#include <memory>

#include "envd/actor.h"
#include "envd/guest_process.h"
#include "net/scope.h"

namespace wrenn::envd {

// For one loop; not thread-safe.
class ProcessTable {
 public:
  static constexpr std::size_t kMaxProcesses = 1024;

  explicit ProcessTable(net::Loop& loop) : scope_(loop) {}

  // The returned follower misses nothing. kResourceExhausted when too many are running; otherwise
  // as spawn().
  base::Result<std::unique_ptr<Follower>> start(const process::StartRequest& request,
                                                const GuestSettings& settings, const Actor& actor);
  // kNotFound when it is not running.
  base::Result<std::shared_ptr<GuestProcess>> find(const process::ProcessSelector& selector) const;
  const std::map<pid_t, std::shared_ptr<GuestProcess>>& running() const { return running_; }

  // SIGKILL to its whole group; nothing when it has ended already.
  void kill(const GuestProcess& process);

  // Kills everything and returns once all is reaped; to be called before destruction.
  net::Task<void> stop();

 private:
  struct Outputs;
  net::Task<void> supervise(std::shared_ptr<GuestProcess> process,
                            std::unique_ptr<Outputs> outputs);

  std::map<pid_t, std::shared_ptr<GuestProcess>> running_;
  net::TaskScope scope_;
};

}  // namespace wrenn::envd
