// OutputPump: carries one output of a command into its log.
#pragma once

#include <memory>
#include <optional>
#include <span>

#include "envd/process/output_log.h"
#include "net/stop.h"
#include "net/sync.h"

namespace wrenn::envd {

class OutputPump {
 public:
  // `buffer` is used between two waits only, so that all pumps of a loop can share one; it has
  // kMaxOutputPiece bytes.
  OutputPump(std::shared_ptr<OutputLog> log, OutputKind kind, std::shared_ptr<net::IoFd> source,
             std::span<char> buffer)
      : log_(std::move(log)), kind_(kind), source_(std::move(source)), buffer_(buffer) {}

  // Until every holder of the other end has closed it, or the caller's stop token fires.
  net::Task<void> run();
  // From now on only what is in the pipe, or follows within a moment, is the command's own.
  void command_has_exited() { exit_.request_stop(); }
  // Until all of that is in the log. kCanceled when stopped.
  net::Task<base::Result<void>> wait_command_output() { return command_output_done_.wait(); }

 private:
  enum class Next { kMore, kEnd };
  net::Task<Next> carry_while_running();
  net::Task<Next> carry_after_exit();
  net::Task<void> discard();
  // What is there now, up to `size` bytes in the buffer: 0 at the end, nothing if it is to be
  // waited for.
  std::optional<std::size_t> try_read(std::size_t size);
  net::Task<base::Result<void>> wait_readable();
  void append(std::size_t size);

  std::shared_ptr<OutputLog> log_;
  const OutputKind kind_;
  std::shared_ptr<net::IoFd> source_;
  const std::span<char> buffer_;
  net::StopSource exit_;
  net::Event command_output_done_;
};

}  // namespace wrenn::envd
