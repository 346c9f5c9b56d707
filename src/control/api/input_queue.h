// InputQueue: what a client has sent to a process and the process has not taken yet. Bounded: a
// full one makes its sender wait, and nothing is dropped.
#pragma once

#include <deque>
#include <optional>

#include "control/api/client_messages.h"
#include "net/sync.h"

namespace wrenn::control {

// For one loop.
class InputQueue {
 public:
  static constexpr std::size_t kMaxMessages = 64;
  static constexpr std::size_t kMaxBytes = 1u << 20;
  // Of pieces that are put together.
  static constexpr std::size_t kMergeBytes = 64 * 1024;

  // kUnavailable once the queue is closed, kCanceled when stopped.
  net::Task<base::Result<void>> push(ClientInput input);
  // The next one, in order; pieces of data that follow each other are put together. Nothing once
  // the queue is closed and empty.
  net::Task<base::Result<std::optional<ClientInput>>> pop();
  // What is in it can still be taken.
  void close();

 private:
  bool is_full() const { return inputs_.size() >= kMaxMessages || bytes_ >= kMaxBytes; }
  ClientInput take_front();

  std::deque<ClientInput> inputs_;
  std::size_t bytes_ = 0;
  bool closed_ = false;
  net::WaitList senders_;
  net::WaitList receivers_;
};

}  // namespace wrenn::control
