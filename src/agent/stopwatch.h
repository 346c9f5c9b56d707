// Stopwatch: what a start, a pause or a fork spent its time on, step by step.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "base/time.h"

namespace wrenn::agent {

using Timings = std::map<std::string, double>;  // Milliseconds by step.

inline double ms_since(base::SteadyTime begin) {
  return std::chrono::duration<double, std::milli>(base::steady_now() - begin).count();
}

// Milliseconds since the last call, by step. `timings` stays the caller's.
class Stopwatch {
 public:
  explicit Stopwatch(Timings& timings) : timings_(timings) {}
  void lap(const char* step) {
    timings_[step] = ms_since(last_);
    last_ = base::steady_now();
  }
  // Since the beginning.
  void total() { timings_["total"] = ms_since(begin_); }

 private:
  Timings& timings_;
  const base::SteadyTime begin_ = base::steady_now();
  base::SteadyTime last_ = begin_;
};

}  // namespace wrenn::agent
