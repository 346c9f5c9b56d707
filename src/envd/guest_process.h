// GuestProcess: one running command, its input, and those who follow its output.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "net/stream.h"
#include "net/sync.h"
#include "proto/process.pb.h"

namespace wrenn::envd {

// The events that one follower has not taken yet. A full queue makes the command wait, so that
// nothing is lost.
using EventQueue = net::Channel<process::ProcessEvent>;
inline constexpr std::size_t kQueuedEvents = 256;

class GuestProcess {
 public:
  GuestProcess(process::ProcessConfig config, std::optional<std::string> tag, pid_t pid,
               base::Fd pidfd, std::unique_ptr<net::Stream> input)
      : config_(std::move(config)),
        tag_(std::move(tag)),
        pid_(pid),
        pidfd_(std::move(pidfd)),
        input_(std::move(input)) {}

  const process::ProcessConfig& config() const { return config_; }
  const std::optional<std::string>& tag() const { return tag_; }
  pid_t pid() const { return pid_; }
  int pidfd() const { return pidfd_.get(); }

  // From now on; ends after the end event.
  std::shared_ptr<EventQueue> follow();
  void unfollow(const std::shared_ptr<EventQueue>& queue);
  // To every follower; waits for slow ones.
  net::Task<base::Result<void>> publish(process::ProcessEvent event);
  // The last event; nobody is waited for longer than it takes to have room.
  net::Task<base::Result<void>> publish_end(process::ProcessEvent event);

  // kFailedPrecondition when the command has no input or has closed it.
  net::Task<base::Result<void>> write_input(std::string bytes);
  net::Task<base::Result<void>> close_input();

  // To the whole process group. Only while the command has not been reaped: its number may be
  // somebody else's afterwards.
  base::Result<void> signal(int number) const;

 private:
  const process::ProcessConfig config_;
  const std::optional<std::string> tag_;
  const pid_t pid_;
  const base::Fd pidfd_;
  std::unique_ptr<net::Stream> input_;
  net::Mutex input_mutex_;
  std::vector<std::shared_ptr<EventQueue>> followers_;
};

// Follows a process as long as it lives.
class Follower {
 public:
  explicit Follower(std::shared_ptr<GuestProcess> process)
      : process_(std::move(process)), queue_(process_->follow()) {}
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  ~Follower() { process_->unfollow(queue_); }
  GuestProcess& process() { return *process_; }
  EventQueue& events() { return *queue_; }

 private:
  std::shared_ptr<GuestProcess> process_;
  std::shared_ptr<EventQueue> queue_;
};

}  // namespace wrenn::envd
