// GuestProcess: one command: its input, its output, and how it ended.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>

#include "envd/process/child_files.h"
#include "envd/process/output_log.h"
#include "net/stop.h"
#include "net/sync.h"
#include "proto/process.pb.h"

namespace wrenn::envd {

class GuestProcess {
 public:
  GuestProcess(process::ProcessConfig config, std::optional<std::string> tag, pid_t pid,
               CommandInput input, OutputBudget& budget)
      : config_(std::move(config)),
        tag_(std::move(tag)),
        pid_(pid),
        input_(std::move(input)),
        output_(std::make_shared<OutputLog>(budget)) {}

  const process::ProcessConfig& config() const { return config_; }
  const std::optional<std::string>& tag() const { return tag_; }
  pid_t pid() const { return pid_; }
  const std::shared_ptr<OutputLog>& output() const { return output_; }

  // Nothing until the command has ended and all of its output is in the log.
  const std::optional<process::ProcessEvent>& end_event() const { return end_event_; }
  // Closes the log. What only a running command needs is given up.
  void set_ended(process::ProcessEvent event);

  // Its time was over; set before it is killed for that.
  void set_overdue() { is_overdue_ = true; }
  bool is_overdue() const { return is_overdue_; }

  // kFailedPrecondition for the wrong kind of input, and when the command has none or has closed
  // it.
  net::Task<base::Result<void>> write_input(process::ProcessInput input);
  // kFailedPrecondition for a terminal: its end of input is typed (Ctrl-D).
  net::Task<base::Result<void>> close_stdin();
  // The command has ended: whoever is still writing is told so, and the input is closed.
  net::Task<base::Result<void>> end_input();
  // kFailedPrecondition without a terminal.
  base::Result<void> resize(TerminalSize size);

  // To the whole process group. Only while the command has not been reaped: its number may be
  // somebody else's afterwards.
  base::Result<void> signal(int number) const;

 private:
  net::Task<base::Result<void>> write(const process::ProcessInput& input);

  process::ProcessConfig config_;
  const std::optional<std::string> tag_;
  const pid_t pid_;
  CommandInput input_;
  net::Mutex input_mutex_;
  net::StopSource input_end_;
  const std::shared_ptr<OutputLog> output_;
  std::optional<process::ProcessEvent> end_event_;
  bool is_overdue_ = false;
};

// From what waitid() said.
process::ProcessEvent make_end_event(const siginfo_t& info);

}  // namespace wrenn::envd
