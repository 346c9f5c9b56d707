// RawTerminal: this terminal, given over to a remote one. It is as it was afterwards, also when the
// program crashes.
#pragma once

#include <termios.h>

#include "base/result.h"
#include "cli/process_messages.h"

namespace wrenn::cli {

// At most one at a time.
class RawTerminal {
 public:
  // kFailedPrecondition when the descriptor is no terminal.
  static base::Result<RawTerminal> enter(int fd);
  RawTerminal(RawTerminal&& other) noexcept;
  RawTerminal& operator=(RawTerminal&&) = delete;
  ~RawTerminal();

 private:
  RawTerminal(int fd, const termios& before) : fd_(fd), before_(before) {}
  int fd_;
  termios before_;
};

// Of the terminal, or 80 by 24 when there is none.
WindowSize window_size(int fd);

}  // namespace wrenn::cli
