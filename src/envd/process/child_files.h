// ChildFiles: what a command gets as 0, 1 and 2, and the agent's ends of it.
#pragma once

#include <memory>
#include <variant>

#include "envd/process/pty.h"
#include "net/stream.h"

namespace wrenn::envd {

// The agent's end of a command's input.
using InputPipe = std::unique_ptr<net::Stream>;
using CommandInput = std::variant<std::monostate, InputPipe, std::shared_ptr<Pty>>;

struct ChildFiles {
  // The child's; with a terminal the first serves as all three. Closed once it runs.
  base::Fd in;
  base::Fd out;
  base::Fd err;
  int out_fd() const { return out.valid() ? out.get() : in.get(); }
  int err_fd() const { return err.valid() ? err.get() : in.get(); }

  // Nothing for a command whose input is /dev/null.
  CommandInput input;
  // With a terminal there is only the first.
  std::shared_ptr<net::IoFd> output;
  std::shared_ptr<net::IoFd> error_output;
  bool has_terminal() const { return error_output == nullptr; }
};

// For a request's pty and stdin; the terminal will belong to `owner`.
base::Result<ChildFiles> open_child_files(net::Loop& loop, const process::StartRequest& request,
                                          uid_t owner);

}  // namespace wrenn::envd
