// ProcessSession: a client's WebSocket with one process behind it: output to the client, input to
// the process, each as fast as its reader reads.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/api/api_socket.h"
#include "control/api/input_pump.h"
#include "net/scope.h"

namespace wrenn::control {

// What comes of a process next.
struct OutputStep {
  std::vector<std::string> messages;       // For the client.
  std::optional<ProcessSelector> process;  // Of the first step.
  bool has_ended = false;
  int reattachments = 0;  // As LastingStream::reattachments(): its input goes another way, too.
};

class ProcessOutput {
 public:
  virtual ~ProcessOutput() = default;
  virtual net::Task<Answer<OutputStep>> next() = 0;
};

// For the loop of its socket.
class ProcessSession {
 public:
  ProcessSession(net::Loop& loop, AgentClient& agent, std::string sandbox_id, ApiSocket& socket,
                 ProcessKind kind)
      : loop_(loop), socket_(socket), kind_(kind), pump_(agent, std::move(sandbox_id), kind) {}

  // Until the process has ended, or the client has left or said stop. What a client that leaves has
  // sent is still delivered, for some seconds at most.
  net::Task<Answer<void>> run(ProcessOutput& output);

 private:
  net::Task<Answer<void>> forward(ProcessOutput& output);
  net::Task<Answer<void>> forward_step(const OutputStep& step);
  net::Task<Answer<void>> receive();
  void end_client(Answer<void> how);
  net::Task<void> run_receive();
  net::Task<void> run_pump();
  net::Task<void> run_pings();
  net::Task<base::Result<void>> await_pump();

  net::Loop& loop_;
  ApiSocket& socket_;
  const ProcessKind kind_;
  InputPump pump_;
  std::optional<net::StopSource> end_;  // Stops the output when the client's side has ended.
  Answer<void> client_end_;             // How that was.
  net::Event pump_ended_;
};

}  // namespace wrenn::control
