// DatabaseStats: what goes to the database and how it does. Written by whoever uses it, read by any
// thread.
#pragma once

#include <array>
#include <cstddef>

#include "base/instruments.h"
#include "base/result.h"

namespace wrenn::db {

// Of the connections that read, or of those that write.
struct AccessStats {
  std::size_t connections = 0;  // That there are at most; set once, at the beginning.
  base::Gauge in_use;
  base::DurationHistogram waited{base::kCallBounds};  // For one of them.
  base::DurationHistogram took{base::kCallBounds};    // Statements, and commits.
  // By code (base::Code). Some are as they should be, such as a name that is taken.
  std::array<base::Counter, base::kCodes> errors;

  // A statement that began then has ended.
  void count(base::SteadyTime began, const base::Error* error) {
    took.observe(base::steady_now() - began);
    if (error != nullptr) errors.at(static_cast<std::size_t>(error->code)).add();
  }
};

struct DatabaseStats {
  AccessStats read;
  AccessStats write;
};

}  // namespace wrenn::db
