// Loop: one thread's event loop, and the primitives that suspend a task on it.
//
// A loop, its tasks and everything here belong to one thread, except where a method says
// "thread-safe". Several loops live side by side in one process and share nothing: that is how the
// control traffic and the data plane are kept apart.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"
#include "net/task.h"

struct epoll_event;

namespace wrenn::net {

class IoFd;
class Timer;

class Loop {
 public:
  Loop();  // Aborts when the kernel has no descriptors left: nothing can run then.
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop();

  // Runs until stop().
  void run();
  void stop();  // Thread-safe.
  // Runs `function` on the loop's thread, soon. Thread-safe.
  void post(std::move_only_function<void()> function);
  // Starts a root task, soon. Whoever spawns must know that it ends before the loop is destroyed:
  // TaskScope is the usual way.
  void spawn(Task<void> task, StopToken stop = {}, const std::string* request_id = nullptr);
  // Runs the loop until the task has ended; for main() and tests.
  template <class T>
  T block_on(Task<T> task);

  // Resumes the coroutine in this turn or the next.
  void schedule(std::coroutine_handle<> handle) { ready_.push_back(handle); }
  // For operations that did not have to wait: true when the running task has done so many of them
  // in a row that it is the others' turn (see LetOthersRun).
  bool spend_budget() {
    if (budget_ > 0) --budget_;
    return budget_ == 0;
  }
  // For what is read and used up before the task waits for anything else: 256 KiB that all tasks of
  // the loop share. Pages that no read reached take no memory.
  std::span<char> shared_buffer() { return {shared_buffer_.get(), kSharedBuffer}; }

 private:
  friend class IoFd;
  friend class Timer;
  static constexpr int kBudget = 64;
  static constexpr std::size_t kSharedBuffer = 256 * 1024;
  void turn();
  void run_ready();
  void run_posted();
  void run_timers();
  int poll_timeout_ms() const;
  void handle_events(std::span<epoll_event> events);

  base::Fd epoll_;
  base::Fd wakeup_;
  std::atomic<bool> stopped_{false};
  std::deque<std::coroutine_handle<>> ready_;
  std::multimap<base::SteadyTime, Timer*> timers_;
  std::span<epoll_event> current_events_;
  int budget_ = kBudget;
  std::unique_ptr<char[]> shared_buffer_ = std::make_unique_for_overwrite<char[]>(kSharedBuffer);
  std::mutex posted_mutex_;
  std::vector<std::move_only_function<void()>> posted_;
};

// Calls back once, at its time, on the loop's thread. Cancelled by destruction.
class Timer {
 public:
  Timer(Loop& loop, std::move_only_function<void()> function)
      : loop_(loop), function_(std::move(function)) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer() { cancel(); }

  void start(base::Duration delay);  // Starting again moves the time.
  void cancel();

 private:
  friend class Loop;
  Loop& loop_;
  std::move_only_function<void()> function_;
  std::multimap<base::SteadyTime, Timer*>::iterator position_;
  bool armed_ = false;
};

struct WaitTag;
enum class Woken { kReady, kStopped };

// Tasks waiting for the same thing, first come first served.
class WaitList {
 public:
  class Awaiter final : public ListNode<WaitTag>, private StopCallback {
   public:
    explicit Awaiter(WaitList& list) : list_(list) {}
    bool await_ready() const noexcept { return false; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> self) {
      context_ = self.promise().context;
      if (context_.stop.stop_requested()) {
        woken_ = Woken::kStopped;
        return false;
      }
      handle_ = self;
      list_.waiters_.push_back(*this);
      context_.stop.attach(*this);
      return true;
    }
    Woken await_resume() const noexcept { return woken_; }

   private:
    friend class WaitList;
    void on_stop() override { wake(Woken::kStopped); }
    void wake(Woken woken) {
      ListNode<WaitTag>::unlink();
      StopCallback::unlink();
      woken_ = woken;
      context_.loop->schedule(handle_);
    }
    WaitList& list_;
    Context context_;
    std::coroutine_handle<> handle_;
    Woken woken_ = Woken::kReady;
  };

  // `co_await list.wait()`: kStopped when the task's stop token fired first.
  Awaiter wait() { return Awaiter(*this); }
  bool empty() const { return waiters_.empty(); }
  bool wake_one() {
    Awaiter* waiter = waiters_.pop_front();
    if (waiter != nullptr) waiter->wake(Woken::kReady);
    return waiter != nullptr;
  }
  void wake_all() {
    while (wake_one()) {
    }
  }

 private:
  IntrusiveList<Awaiter, WaitTag> waiters_;
};

// `co_await LetOthersRun()`: goes on in the next turn, after events and timers have been looked at.
// kStopped when the task is to stop.
class LetOthersRun {
 public:
  bool await_ready() const noexcept { return false; }
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    context_ = self.promise().context;
    context_.loop->schedule(self);
  }
  Woken await_resume() const noexcept {
    return context_.stop.stop_requested() ? Woken::kStopped : Woken::kReady;
  }

 private:
  Context context_;
};

// A descriptor watched by the loop (edge-triggered): try first, wait after EAGAIN.
class IoFd {
 public:
  // The descriptor is made non-blocking.
  static base::Result<IoFd> create(Loop& loop, base::Fd fd);
  IoFd(IoFd&& other) noexcept;
  IoFd& operator=(IoFd&&) = delete;
  ~IoFd();

  int get() const { return fd_.get(); }
  Loop& loop() const { return *loop_; }
  WaitList::Awaiter readable() { return state_->readers.wait(); }
  WaitList::Awaiter writable() { return state_->writers.wait(); }
  // Until the peer has closed its side or the connection is broken; look at hung_up() first.
  WaitList::Awaiter hangup() { return state_->hangup_waiters.wait(); }
  bool hung_up() const { return state_->hung_up; }
  // False: a read would find nothing, so that it can be spared. After a read that took all there
  // was, say so. Of sockets only: a terminal gives less than it has.
  bool maybe_readable() const { return state_->maybe_readable || state_->hung_up; }
  void set_drained() { state_->maybe_readable = false; }
  // The source (none: nullptr) is stopped when that happens. The one that was set before.
  StopSource* stop_at_hangup(StopSource* source) {
    return std::exchange(state_->stop_at_hangup, source);
  }

 private:
  friend class Loop;
  struct State {
    WaitList readers;
    WaitList writers;
    WaitList hangup_waiters;
    StopSource* stop_at_hangup = nullptr;
    bool hung_up = false;
    bool maybe_readable = true;
  };
  IoFd(Loop& loop, base::Fd fd) : loop_(&loop), fd_(std::move(fd)), state_(new State) {}
  Loop* loop_;
  base::Fd fd_;
  std::unique_ptr<State> state_;
};

// kCanceled: the error of every operation that the stop token ended.
base::Error stopped_error();

// kCanceled when stopped early.
Task<base::Result<void>> sleep_for(base::Duration delay);
// Level-triggered and for rare waits: pidfds, signalfds, eventfds. The caller keeps the fd open.
Task<base::Result<void>> wait_readable(int fd);

namespace detail {
template <class T>
Task<void> store_result(Task<T> task, std::optional<T>* result, Loop* loop) {
  result->emplace(co_await std::move(task));
  loop->stop();
}
inline Task<void> store_done(Task<void> task, Loop* loop) {
  co_await std::move(task);
  loop->stop();
}
}  // namespace detail

template <class T>
T Loop::block_on(Task<T> task) {
  if constexpr (std::is_void_v<T>) {
    spawn(detail::store_done(std::move(task), this));
    run();
  } else {
    std::optional<T> result;
    spawn(detail::store_result(std::move(task), &result, this));
    run();
    return std::move(*result);
  }
}

}  // namespace wrenn::net
