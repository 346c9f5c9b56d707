// LoopThread: a loop on a thread of its own, for traffic that must not wait for other traffic.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "net/loop.h"
#include "net/scope.h"

namespace wrenn::net {

class LoopThread {
 public:
  LoopThread() = default;
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;
  ~LoopThread() { stop(); }

  // Runs the task that `main` makes, on the new thread, until it ends; stop() stops it. `name`: of
  // the thread, up to 15 characters. What the task uses must outlive this object. Called once.
  void start(const std::string& name, std::move_only_function<Task<void>()> main);
  // After start() for post() alone: everything else of it belongs to the thread.
  Loop& loop() { return loop_; }
  // Returns when the task has ended.
  void stop();

 private:
  Loop loop_;
  StopSource stop_;
  std::jthread thread_;
};

// Runs a task on another loop, and resumes the caller on its own when it has ended. `make` makes it
// there. Not cut short by the caller's stop token. The other loop must go on until then.
Task<void> run_on(Loop& other, std::function<Task<void>()> make);

}  // namespace wrenn::net
