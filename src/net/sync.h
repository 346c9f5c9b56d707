// How tasks of one loop wait for each other. Not thread-safe.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>

#include "net/loop.h"

namespace wrenn::net {

// Stays set until reset.
class Event {
 public:
  void set() {
    set_ = true;
    waiters_.wake_all();
  }
  void reset() { set_ = false; }
  bool is_set() const { return set_; }
  Task<base::Result<void>> wait() {
    while (!set_) {
      if (co_await waiters_.wait() == Woken::kStopped) co_return base::fail(stopped_error());
    }
    co_return {};
  }

 private:
  bool set_ = false;
  WaitList waiters_;
};

// So many at a time over co_await; first come, first served.
class Semaphore {
 public:
  explicit Semaphore(std::size_t permits) : free_(permits) {}

  class Permit {
   public:
    explicit Permit(Semaphore* semaphore) : semaphore_(semaphore) {}
    Permit(Permit&& other) noexcept : semaphore_(std::exchange(other.semaphore_, nullptr)) {}
    Permit& operator=(Permit&&) = delete;
    ~Permit() {
      if (semaphore_ != nullptr) semaphore_->give_back();
    }

   private:
    Semaphore* semaphore_;
  };

  Task<base::Result<Permit>> acquire() {
    while (free_ == 0) {
      if (co_await waiters_.wait() == Woken::kStopped) co_return base::fail(stopped_error());
    }
    --free_;
    co_return Permit(this);
  }

 private:
  void give_back() {
    ++free_;
    waiters_.wake_one();
  }
  std::size_t free_;
  WaitList waiters_;
};

// Mutual exclusion over co_await; first come, first served.
class Mutex {
 public:
  class Lock {
   public:
    explicit Lock(Mutex* mutex) : mutex_(mutex) {}
    Lock(Lock&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Lock& operator=(Lock&&) = delete;
    ~Lock() {
      if (mutex_ != nullptr) mutex_->unlock();
    }

   private:
    Mutex* mutex_;
  };

  Task<base::Result<Lock>> lock() {
    while (locked_) {
      if (co_await waiters_.wait() == Woken::kStopped) co_return base::fail(stopped_error());
    }
    locked_ = true;
    co_return Lock(this);
  }

  bool is_locked() const { return locked_; }

 private:
  void unlock() {
    locked_ = false;
    waiters_.wake_one();
  }
  bool locked_ = false;
  WaitList waiters_;
};

// A bounded queue between tasks: a full one makes its senders wait.
template <class T>
class Channel {
 public:
  explicit Channel(std::size_t capacity) : capacity_(capacity) {}

  // kUnavailable once the channel is closed, kCanceled when stopped.
  Task<base::Result<void>> send(T value) {
    while (!closed_ && values_.size() >= capacity_) {
      if (co_await senders_.wait() == Woken::kStopped) co_return base::fail(stopped_error());
    }
    if (closed_) co_return base::fail(base::Code::kUnavailable, "nobody reads any more");
    values_.push_back(std::move(value));
    receivers_.wake_one();
    co_return {};
  }
  // Nothing once the channel is closed and empty.
  Task<base::Result<std::optional<T>>> receive() {
    while (values_.empty() && !closed_) {
      if (co_await receivers_.wait() == Woken::kStopped) co_return base::fail(stopped_error());
    }
    if (values_.empty()) co_return std::optional<T>();
    std::optional<T> value(std::move(values_.front()));
    values_.pop_front();
    senders_.wake_one();
    co_return value;
  }
  // What was sent can still be received.
  void close() {
    closed_ = true;
    senders_.wake_all();
    receivers_.wake_all();
  }

 private:
  const std::size_t capacity_;
  bool closed_ = false;
  std::deque<T> values_;
  WaitList senders_;
  WaitList receivers_;
};

}  // namespace wrenn::net
