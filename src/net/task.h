// Task<T>: a lazy coroutine. It starts when awaited, runs on the loop of its parent, and inherits
// its parent's stop token, so that cancellation and deadlines travel down.
//
// Rules: a Task that was started runs to its end before it is destroyed (await it, or hand it to a
// TaskScope). Across a co_await hold only values and owners. No coroutine lambda with captures: the
// captures die with the lambda, before the coroutine does.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "net/frame_cache.h"
#include "net/stop.h"

namespace wrenn::net {

class Loop;
template <class T = void>
class Task;

// What a task inherits from its parent.
struct Context {
  Loop* loop = nullptr;
  StopToken stop;
  // Of the request that it works for (with_request_id()); lives as long as the task.
  const std::string* request_id = nullptr;
};

namespace detail {

// A child that ends while its parent is still inside await_suspend must not resume the parent, or
// a loop of such children would eat the stack; `started` tells the two cases apart.
struct PromiseBase {
  Context context;
  std::coroutine_handle<> continuation;
  std::exception_ptr exception;
  bool parent_waits = false;
  bool finished = false;

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> self) const noexcept {
      PromiseBase& promise = self.promise();
      promise.finished = true;
      // The frame may be gone once the parent runs: nothing is touched after this line.
      if (promise.parent_waits) promise.continuation.resume();
    }
    void await_resume() const noexcept {}
  };

  static void* operator new(std::size_t size) { return allocate_frame(size); }
  static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() { exception = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U = T>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() const noexcept {}
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
 public:
  using promise_type = detail::Promise<T>;

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  class Awaiter {
   public:
    explicit Awaiter(std::coroutine_handle<promise_type> child) : child_(child) {}
    bool await_ready() const noexcept { return false; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> parent) {
      auto& promise = child_.promise();
      promise.context = parent.promise().context;
      promise.continuation = parent;
      child_.resume();
      if (promise.finished) return false;
      promise.parent_waits = true;
      return true;
    }
    T await_resume() {
      auto& promise = child_.promise();
      if (promise.exception) std::rethrow_exception(promise.exception);
      if constexpr (!std::is_void_v<T>) return std::move(*promise.value);
    }

   private:
    std::coroutine_handle<promise_type> child_;
  };

  Awaiter operator co_await() && noexcept { return Awaiter(handle_); }

 private:
  friend promise_type;
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

namespace detail {
template <class T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>(std::coroutine_handle<Promise>::from_promise(*this));
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

struct CurrentContext {
  Context context;
  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> self) noexcept {
    context = self.promise().context;
    return false;
  }
  Context await_resume() const noexcept { return context; }
};

template <class T>
struct InContext {
  Context context;
  Task<T> task;
};
}  // namespace detail

// `Context context = co_await current_context();`
inline detail::CurrentContext current_context() {
  return {};
}

}  // namespace wrenn::net
