// RemoteProcess: a process in a sandbox with this program's standard input and output, over a
// WebSocket of the API. A terminal comes back after its connection was lost, with everything that
// was written meanwhile.
#pragma once

#include <optional>
#include <string>

#include "cli/api_client.h"
#include "cli/console.h"
#include "cli/escape.h"
#include "cli/input_reader.h"
#include "cli/process_messages.h"
#include "net/scope.h"
#include "net/signals.h"
#include "net/sync.h"

namespace wrenn::cli {

struct RemoteProcessOptions {
  std::string sandbox_id;
  RemoteCommand command;  // None: an old terminal, by its tag.
  std::string tag = {};
  bool has_terminal = false;  // It gets one.
  bool takes_input = false;   // Ours is passed on.
};

// For one loop, once.
class RemoteProcess {
 public:
  // `signals`: SIGWINCH, and those that end this program.
  RemoteProcess(net::Loop& loop, ApiClient& api, const Console& console, net::Signals& signals,
                RemoteProcessOptions options)
      : loop_(loop),
        api_(api),
        console_(console),
        signals_(signals),
        options_(std::move(options)) {}

  // The exit status of the process, or that of whatever ended its watching: 0 after `~.`, 128 + N
  // after signal N. A terminal outlives this; a command without one does not.
  net::Task<base::Result<int>> run();

 private:
  net::Task<base::Result<int>> follow();
  net::Task<base::Result<int>> follow_connected(std::string opening);
  net::Task<base::Result<int>> receive_all(net::WebSocket& socket);
  net::Task<base::Result<std::optional<int>>> on_message(ProcessMessage message);
  net::Task<base::Result<void>> write(int fd, std::string bytes);
  net::Task<void> send_all(net::WebSocket* socket);
  net::Task<void> read_input(InputReader* reader);
  net::Task<void> watch_signals();
  void leave(int status);
  bool may_reconnect(const base::Error& error) const;
  std::string opening() const;
  std::string path() const;
  void note(std::string_view line) const;

  net::Loop& loop_;
  ApiClient& api_;
  const Console& console_;
  net::Signals& signals_;
  const RemoteProcessOptions options_;

  std::string tag_;           // Of the terminal, once it has one.
  std::uint64_t offset_ = 0;  // How far its output was shown.
  bool was_connected_ = false;
  std::optional<base::SteadyTime> lost_since_;  // Until it is connected again.
  bool has_ended_ = false;  // The API has said how it is: there is nothing to come back to.
  EscapeFilter escape_;
  net::Channel<std::string> outgoing_{1024};
  std::optional<std::string> unsent_;  // Taken from there, but not sent.
  std::optional<int> left_;            // The status to leave with.
  std::optional<net::StopSource> leaving_;
  net::BlockingPool writer_{1};
};

}  // namespace wrenn::cli
