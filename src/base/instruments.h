// What a running program counts: counters, gauges and histograms of durations. Each belongs to the
// part that counts with it, and whoever reports (exposition.h) reads it there: nothing is
// registered anywhere. Thread-safe, without locks; to count costs one or two additions.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace wrenn::base {

// Only grows.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void add(std::int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// As long as it lives, one more of something.
class Counted {
 public:
  explicit Counted(Gauge& gauge) : gauge_(gauge) { gauge_.add(1); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { gauge_.add(-1); }

 private:
  Gauge& gauge_;
};

// Upper bounds of the buckets of a histogram, smallest first.
using Bounds = std::span<const Duration>;
// For what is answered at once: 0.5 ms to 10 s.
inline constexpr std::array<Duration, 14> kCallBounds = {
    std::chrono::microseconds(500),  std::chrono::milliseconds(1),
    std::chrono::microseconds(2500), std::chrono::milliseconds(5),
    std::chrono::milliseconds(10),   std::chrono::milliseconds(25),
    std::chrono::milliseconds(50),   std::chrono::milliseconds(100),
    std::chrono::milliseconds(250),  std::chrono::milliseconds(500),
    std::chrono::milliseconds(1000), std::chrono::milliseconds(2500),
    std::chrono::milliseconds(5000), std::chrono::milliseconds(10000)};
// For what starts, saves or moves a machine: 10 ms to 5 min.
inline constexpr std::array<Duration, 14> kOperationBounds = {
    std::chrono::milliseconds(10),   std::chrono::milliseconds(25),
    std::chrono::milliseconds(50),   std::chrono::milliseconds(100),
    std::chrono::milliseconds(250),  std::chrono::milliseconds(500),
    std::chrono::milliseconds(1000), std::chrono::milliseconds(2500),
    std::chrono::milliseconds(5000), std::chrono::seconds(10),
    std::chrono::seconds(30),        std::chrono::seconds(60),
    std::chrono::seconds(120),       std::chrono::seconds(300)};

class DurationHistogram {
 public:
  // `bounds` must outlive it: one of the constants above.
  explicit DurationHistogram(Bounds bounds) : bounds_(bounds), buckets_(bounds.size() + 1) {}

  // A negative duration counts as none.
  void observe(Duration took);

  struct Snapshot {
    std::vector<std::uint64_t> cumulative;  // Up to each bound, and of all at the end.
    double sum_seconds = 0;
    std::uint64_t count() const { return cumulative.back(); }
  };
  // Of a moment; what is observed meanwhile may be in the sum and not in the buckets yet.
  Snapshot snapshot() const;
  Bounds bounds() const { return bounds_; }

 private:
  const Bounds bounds_;
  std::vector<std::atomic<std::uint64_t>> buckets_;
  std::atomic<std::uint64_t> sum_ns_{0};
};

// Answers by the class of their HTTP status.
class StatusCounters {
 public:
  static constexpr std::array<std::string_view, 6> kClasses = {"none", "1xx", "2xx",
                                                               "3xx",  "4xx", "5xx"};
  // 0, and what is no status: "none", as for a client that left before it was answered.
  void add(int status) { counters_[class_of(status)].add(); }
  std::uint64_t value(std::size_t status_class) const { return counters_[status_class].value(); }

 private:
  static std::size_t class_of(int status) {
    return status < 100 || status > 599 ? 0 : static_cast<std::size_t>(status / 100);
  }
  std::array<Counter, kClasses.size()> counters_;
};

}  // namespace wrenn::base
