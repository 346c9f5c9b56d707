// StopSource and StopToken: how a parent tells its children to finish early.
//
// Not thread-safe: a source, its tokens and all tasks under it live on one loop. A source must
// outlive every task that runs with its token; structured concurrency (scope.h) sees to that.
#pragma once

#include "net/intrusive_list.h"

namespace wrenn::net {

class StopSource;
struct StopTag;

// Called once, on request_stop(). Unregisters itself when destroyed.
class StopCallback : public ListNode<StopTag> {
 public:
  virtual void on_stop() = 0;

 protected:
  ~StopCallback() = default;
};

// Where a task looks whether it should stop. An empty token never asks for it.
class StopToken {
 public:
  StopToken() = default;
  bool stop_requested() const;
  // Registers the callback; does nothing for an empty token. Must not be called once a stop was
  // requested: look first.
  void attach(StopCallback& callback) const;

 private:
  friend class StopSource;
  explicit StopToken(StopSource* source) : source_(source) {}
  StopSource* source_ = nullptr;
};

class StopSource final : private StopCallback {
 public:
  StopSource() = default;
  // Stops when the parent stops, and may stop alone.
  explicit StopSource(StopToken parent) {
    if (parent.stop_requested()) {
      requested_ = true;
    } else {
      parent.attach(*this);
    }
  }
  StopSource(const StopSource&) = delete;
  StopSource& operator=(const StopSource&) = delete;

  StopToken token() { return StopToken(this); }
  bool stop_requested() const { return requested_; }
  void request_stop() {
    if (requested_) return;
    requested_ = true;
    while (StopCallback* callback = callbacks_.pop_front()) callback->on_stop();
  }

 private:
  friend class StopToken;
  void on_stop() override { request_stop(); }

  bool requested_ = false;
  IntrusiveList<StopCallback, StopTag> callbacks_;
};

// Stops `target` when another token stops, for a task that has two reasons to end.
class StopForward final : private StopCallback {
 public:
  StopForward(StopToken from, StopSource& target) : target_(target) {
    if (from.stop_requested()) {
      target_.request_stop();
    } else {
      from.attach(*this);
    }
  }

 private:
  void on_stop() override { target_.request_stop(); }
  StopSource& target_;
};

inline bool StopToken::stop_requested() const {
  return source_ != nullptr && source_->requested_;
}
inline void StopToken::attach(StopCallback& callback) const {
  if (source_ != nullptr) source_->callbacks_.push_back(callback);
}

}  // namespace wrenn::net
