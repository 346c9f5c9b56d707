// BlockingPool: where blocking work goes (databases, mounts, fork, file I/O), so that no loop waits
// for it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "net/loop.h"

namespace wrenn::net {

// Thread-safe. Destruction finishes what was queued.
class BlockingPool {
 public:
  explicit BlockingPool(std::size_t threads, std::size_t max_queued = 1024);
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;
  ~BlockingPool();

  // Runs `function` (which returns a Result) on a thread of the pool and resumes the caller on its
  // own loop. Not cut short by a stop token: the function owns its operands until it returns.
  // kResourceExhausted when too much is queued. An exception of the function is the caller's.
  template <class F>
  Task<std::invoke_result_t<F>> run(F function) {
    using Outcome = std::invoke_result_t<F>;
    std::optional<Outcome> outcome;
    std::exception_ptr exception;
    std::move_only_function<void()> job = [&] {
      try {
        outcome.emplace(function());
      } catch (...) {
        exception = std::current_exception();
      }
    };
    if (!co_await Hop(*this, std::move(job))) {
      co_return base::fail(base::Code::kResourceExhausted, "too many operations are waiting",
                           "try again in a moment");
    }
    if (exception) std::rethrow_exception(exception);
    co_return std::move(*outcome);
  }

  // Jobs that wait for a thread.
  std::size_t queued() const;

 private:
  struct Hop {
    Hop(BlockingPool& p, std::move_only_function<void()> j) : pool(p), job(std::move(j)) {}
    bool await_ready() const noexcept { return false; }
    template <class P>
    bool await_suspend(std::coroutine_handle<P> self) {
      Loop* loop = self.promise().context.loop;
      accepted = pool.submit([this, loop, self] {
        job();
        loop->post([self] { self.resume(); });
      });
      return accepted;
    }
    bool await_resume() const noexcept { return accepted; }
    BlockingPool& pool;
    std::move_only_function<void()> job;
    bool accepted = false;
  };

  bool submit(std::move_only_function<void()> job);
  void work();

  const std::size_t max_queued_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::move_only_function<void()>> jobs_;
  bool closing_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace wrenn::net
