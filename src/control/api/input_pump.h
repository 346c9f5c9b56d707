// InputPump: brings what a client sends to its process, in order: bytes, sizes, the end of input,
// the kill.
#pragma once

#include <optional>
#include <string>

#include "control/api/input_queue.h"
#include "control/api/requests.h"
#include "control/hosts/agent_client.h"
#include "net/task.h"

namespace wrenn::control {

enum class ProcessKind { kTerminal, kCommand };

// Bytes go over one call that stays open while they come, so that a key that is pressed waits for
// no answer. For one loop.
class InputPump {
 public:
  InputPump(AgentClient& agent, std::string sandbox_id, ProcessKind kind)
      : agent_(agent), sandbox_id_(std::move(sandbox_id)), kind_(kind) {}

  // Whose input it is: to be set before run().
  void set_process(ProcessSelector process) { process_ = std::move(process); }
  InputQueue& queue() { return queue_; }
  // How often the host's agent has been away: a call to one that was is not used any more.
  void note_reattachments(int count) { reattachments_ = count; }

  // Until the queue is closed and all of it has been delivered, but for bytes to a process that has
  // ended. kConflict, once: the process takes no input, and what comes is let go; call it again for
  // the rest. Other errors are the host's.
  net::Task<Answer<void>> run();

 private:
  net::Task<base::Result<void>> run_now();
  net::Task<base::Result<void>> deliver_at_last(ClientInput input);
  net::Task<base::Result<void>> deliver(ClientInput input);
  net::Task<base::Result<void>> send(std::string data);
  net::Task<base::Result<void>> finish_stream();
  net::Task<base::Result<void>> resize(const ClientInput& size);
  net::Task<base::Result<void>> kill();
  net::Task<base::Result<void>> close_stdin();

  AgentClient& agent_;
  const std::string sandbox_id_;
  const ProcessKind kind_;
  ProcessSelector process_;
  InputQueue queue_;
  std::optional<InputStream> stream_;
  int reattachments_ = 0;
  int stream_reattachments_ = 0;  // How many there were when it was opened.
  bool is_deaf_ = false;          // The process takes no bytes.
};

}  // namespace wrenn::control
