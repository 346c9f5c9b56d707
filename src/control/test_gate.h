// For tests: a gate in front of what takes time.
#pragma once

#include "net/sync.h"

namespace wrenn::control {

// Lets a test look at what is half done: nothing passes while it is closed.
class Gate {
 public:
  void close() {
    open_.reset();
    reached_.reset();
  }
  void open() { open_.set(); }
  // Until something stands before it.
  net::Task<base::Result<void>> reached() { return reached_.wait(); }
  net::Task<base::Result<void>> pass() {
    reached_.set();
    return open_.wait();
  }
  Gate() { open_.set(); }

 private:
  net::Event open_;
  net::Event reached_;
};

}  // namespace wrenn::control
