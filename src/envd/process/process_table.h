// ProcessTable: starts commands, watches over them, and knows which are running and which ended a
// moment ago.
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "envd/actor.h"
#include "envd/process/guest_cgroups.h"
#include "envd/process/guest_process.h"
#include "envd/process/spawn.h"
#include "net/scope.h"

namespace wrenn::envd {

// Of all commands together, in bytes.
inline constexpr std::size_t kKeptOutputOfAll = 64u << 20;
// For those who ask late how a command ended.
inline constexpr base::Duration kKeepEnded = std::chrono::seconds(30);
inline constexpr std::size_t kMaxEnded = 1024;

struct ProcessLimits {
  std::size_t max_processes = 10'000;
  rlim_t open_files = 0;  // As SpawnSpec::open_files.

  // For this machine's memory: a command costs the agent up to 64 KiB.
  static ProcessLimits for_this_machine();
};

// For one loop; not thread-safe.
class ProcessTable {
 public:
  // The groups must outlive the table.
  ProcessTable(net::Loop& loop, const GuestCgroups& cgroups, ProcessLimits limits)
      : limits_(limits),
        cgroups_(cgroups),
        read_buffer_(kMaxOutputPiece),
        expiry_(loop, [this] { drop_ended(); }),
        scope_(loop) {}

  // The command is killed at the deadline. A reader of its log that is made before the next wait
  // misses nothing. kResourceExhausted when too many are running; otherwise as spawn().
  base::Result<std::shared_ptr<GuestProcess>> start(const process::StartRequest& request,
                                                    const GuestSettings& settings,
                                                    const Actor& actor,
                                                    std::optional<base::SteadyTime> deadline);
  // kNotFound when it is not running.
  base::Result<std::shared_ptr<GuestProcess>> find(const process::ProcessSelector& selector) const;
  // Also one that ended less than kKeepEnded ago.
  base::Result<std::shared_ptr<GuestProcess>> find_also_ended(
      const process::ProcessSelector& selector) const;
  const std::map<pid_t, std::shared_ptr<GuestProcess>>& running() const { return running_; }

  // Somebody else has waited for this child; it need not be one of the commands.
  void note_reaped(const siginfo_t& info);

  // Kills everything and returns once all is reaped; to be called before destruction.
  net::Task<void> stop();

 private:
  struct Ended {
    base::SteadyTime time;
    std::shared_ptr<GuestProcess> process;
  };
  struct Supervised;

  base::Result<Supervised> launch(const process::StartRequest& request, SpawnSpec spec);
  net::Task<void> supervise(Supervised command, std::optional<base::SteadyTime> deadline);
  net::Task<siginfo_t> wait_exit(std::shared_ptr<GuestProcess> process,
                                 std::shared_ptr<net::IoFd> pidfd,
                                 std::optional<base::SteadyTime> deadline);
  void keep_ended(std::shared_ptr<GuestProcess> process);
  void drop_ended();
  void note_cgroup_error(int error);

  const ProcessLimits limits_;
  const GuestCgroups& cgroups_;
  OutputBudget budget_{kKeptOutputOfAll};
  std::vector<char> read_buffer_;
  std::map<pid_t, std::shared_ptr<GuestProcess>> running_;
  std::map<pid_t, siginfo_t> reaped_;
  std::deque<Ended> ended_;  // The oldest first.
  net::Timer expiry_;
  bool is_cgroup_error_told_ = false;
  net::TaskScope scope_;
};

}  // namespace wrenn::envd
