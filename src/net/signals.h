// Signals as something to wait for.
#pragma once

#include <initializer_list>

#include "base/fd.h"
#include "base/result.h"
#include "net/task.h"

namespace wrenn::net {

// Blocks the signals for this thread and those it starts: create it first thing in main().
class Signals {
 public:
  static base::Result<Signals> create(std::initializer_list<int> signals);
  // The next one; kCanceled when stopped.
  Task<base::Result<int>> next();

 private:
  explicit Signals(base::Fd fd) : fd_(std::move(fd)) {}
  base::Fd fd_;
};

}  // namespace wrenn::net
