// Pty: the agent's side of a pseudo-terminal.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "base/fd.h"
#include "net/loop.h"
#include "proto/process.pb.h"

namespace wrenn::envd {

struct TerminalSize {
  std::uint16_t columns = 80;
  std::uint16_t rows = 24;

  // A number that is missing or zero becomes 80 or 24. kInvalidArgument for one above 65535.
  static base::Result<TerminalSize> from(const process::PTY::Size& size);
};

class Pty {
 public:
  struct Opened {
    std::shared_ptr<Pty> pty;
    base::Fd child_side;
  };
  // The terminal's file belongs to `owner`. kUnavailable where there is no devpts.
  static base::Result<Opened> open(net::Loop& loop, TerminalSize size, uid_t owner);

  net::IoFd& io() { return io_; }
  // As if typed. All of it; kCanceled when stopped, kUnavailable when nobody has it open any more.
  net::Task<base::Result<void>> write_all(std::string_view bytes);
  // The foreground process group gets SIGWINCH when it changes.
  base::Result<void> resize(TerminalSize size);

 private:
  explicit Pty(net::IoFd io) : io_(std::move(io)) {}
  net::IoFd io_;
};

}  // namespace wrenn::envd
