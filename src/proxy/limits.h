// RateLimit: so many per second, with a burst.
#pragma once

#include <algorithm>
#include <chrono>

#include "base/time.h"

namespace wrenn::proxy {

// A token bucket. For one loop.
class RateLimit {
 public:
  RateLimit(double per_second, double burst)
      : per_second_(per_second), burst_(burst), left_(burst) {}

  // False when it is too much now.
  bool take(base::SteadyTime now) {
    const std::chrono::duration<double> passed = now - last_;
    last_ = now;
    left_ = std::min(burst_, left_ + passed.count() * per_second_);
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  double per_second_;
  double burst_;
  double left_;
  base::SteadyTime last_ = base::steady_now();
};

}  // namespace wrenn::proxy
