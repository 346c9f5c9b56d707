// StopFlag: a task's stop token for work on a thread of a pool, which looks at it now and then.
#pragma once

#include <atomic>
#include <type_traits>

#include "net/blocking.h"

namespace wrenn::envd {

// Made and destroyed on the token's loop; is_set() is thread-safe.
class StopFlag final : private net::StopCallback {
 public:
  StopFlag() = default;  // Never set.
  explicit StopFlag(net::StopToken token) {
    if (token.stop_requested()) {
      set_ = true;
    } else {
      token.attach(*this);
    }
  }
  bool is_set() const { return set_.load(std::memory_order_relaxed); }
  // kCanceled once it is set.
  base::Result<void> check() const {
    if (is_set()) return base::fail(net::stopped_error());
    return {};
  }

 private:
  void on_stop() override { set_.store(true, std::memory_order_relaxed); }
  std::atomic<bool> set_{false};
};

// Runs `function(const StopFlag&)`, which returns a Result, on a thread of the pool and waits for
// it; when the caller is stopped, the flag asks the function to end early.
template <class F>
net::Task<std::invoke_result_t<F&, const StopFlag&>> run_stoppable(net::BlockingPool& pool,
                                                                   F function) {
  const net::Context context = co_await net::current_context();
  StopFlag stop(context.stop);
  // The pool's job ends before this frame does.
  co_return co_await pool.run([&function, &stop] { return function(stop); });
}

}  // namespace wrenn::envd
