// OutputPump: carries one output of a command to its followers.
#pragma once

#include <memory>

#include "envd/guest_process.h"
#include "net/stop.h"

namespace wrenn::envd {

enum class OutputKind { kStdout, kStderr };

class OutputPump {
 public:
  OutputPump(GuestProcess& process, OutputKind kind, std::unique_ptr<net::Stream> stream)
      : process_(process), kind_(kind), stream_(std::move(stream)) {}

  // Until every holder of the other end has closed it, or the caller's stop token fires.
  net::Task<void> run();
  // From now on only what is in the pipe, or follows within a moment, is the command's own.
  void command_has_exited() { exit_.request_stop(); }
  // Until all of that has been handed on. kCanceled when stopped.
  net::Task<base::Result<void>> wait_command_output() { return command_output_done_.wait(); }

 private:
  // False when nothing more can come.
  net::Task<bool> carry_while_running(std::string& buffer);
  net::Task<bool> carry_after_exit(std::string& buffer);
  net::Task<void> discard(std::string& buffer);
  net::Task<bool> publish(std::string_view bytes);

  GuestProcess& process_;
  const OutputKind kind_;
  std::unique_ptr<net::Stream> stream_;
  net::StopSource exit_;
  net::Event command_output_done_;
};

}  // namespace wrenn::envd
