// Structured concurrency: scopes that wait for their children, deadlines, and cancellation.
#pragma once

#include <cassert>
#include <cstddef>
#include <memory>

#include "base/strings.h"
#include "net/loop.h"

namespace wrenn::net {

namespace detail {
template <class T>
struct ContextSwitch {
  Context context;
  typename Task<T>::Awaiter inner;

  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> parent) {
    // The child copies its parent's context: lend it the other one for that moment.
    const Context own = std::exchange(parent.promise().context, context);
    const bool suspended = inner.await_suspend(parent);
    // A child that is still running may have resumed nobody yet, so the parent is intact.
    parent.promise().context = own;
    return suspended;
  }
  T await_resume() { return inner.await_resume(); }
};
}  // namespace detail

// Runs the task with this stop token in place of the parent's.
template <class T>
Task<T> with_stop(StopToken stop, Task<T> task) {
  Context context = co_await current_context();
  context.stop = stop;
  co_return co_await detail::ContextSwitch<T>{context, std::move(task).operator co_await()};
}

// Runs the task for that request: its HttpClients tell the id to whom they ask, and what it logs
// can have it.
template <class T>
Task<T> with_request_id(std::string id, Task<T> task) {
  Context context = co_await current_context();
  context.request_id = &id;
  co_return co_await detail::ContextSwitch<T>{context, std::move(task).operator co_await()};
}
// Empty for a task that works for no request.
inline Task<std::string> current_request_id() {
  const Context context = co_await current_context();
  co_return context.request_id == nullptr ? std::string() : *context.request_id;
}

// Runs the task so that either the parent's stop token or `other` stops it.
template <class T>
Task<T> with_stop_also(StopToken other, Task<T> task) {
  const Context context = co_await current_context();
  StopSource stop(context.stop);
  const StopForward forward(other, stop);
  co_return co_await with_stop(stop.token(), std::move(task));
}

// kDeadlineExceeded when the task did not end in time; the task is told to stop and is waited for.
template <class T>
Task<base::Result<T>> with_timeout(base::Duration limit, Task<base::Result<T>> task) {
  const Context context = co_await current_context();
  StopSource stop(context.stop);
  bool expired = false;
  Timer timer(*context.loop, [&] {
    expired = true;
    stop.request_stop();
  });
  timer.start(limit);
  auto result = co_await with_stop(stop.token(), std::move(task));
  if (expired && !result && result.error().code == base::Code::kCanceled) {
    co_return base::fail(base::Code::kDeadlineExceeded,
                         base::concat("no answer within ", base::to_ms(limit), " ms"));
  }
  co_return result;
}

// Owns the tasks that run beside each other. Every scope is joined before it is destroyed.
class TaskScope {
 public:
  // `parent`: stops the scope's tasks when it stops.
  explicit TaskScope(Loop& loop, StopToken parent = {}) : loop_(loop), stop_(parent) {}
  // For work on the same request; the scope ends before it does.
  explicit TaskScope(const Context& parent)
      : loop_(*parent.loop), stop_(parent.stop), request_id_(parent.request_id) {}
  TaskScope(const TaskScope&) = delete;
  TaskScope& operator=(const TaskScope&) = delete;
  ~TaskScope() { assert(running_ == 0 && "a TaskScope was destroyed before join()"); }

  void spawn(Task<void> task) {
    ++running_;
    loop_.spawn(run(this, std::move(task)), stop_.token(), request_id_);
  }
  void request_stop() { stop_.request_stop(); }
  StopToken token() { return stop_.token(); }
  std::size_t running() const { return running_; }
  Loop& loop() { return loop_; }

  // Until every task has ended; not cut short by the caller's own stop token.
  Task<void> join() { return with_stop(StopToken(), wait_all()); }

 private:
  static Task<void> run(TaskScope* scope, Task<void> task) {
    co_await std::move(task);
    if (--scope->running_ == 0) scope->done_.wake_all();
  }
  Task<void> wait_all() {
    while (running_ > 0) co_await done_.wait();
  }

  Loop& loop_;
  StopSource stop_;
  const std::string* request_id_ = nullptr;
  std::size_t running_ = 0;
  WaitList done_;
};

}  // namespace wrenn::net
