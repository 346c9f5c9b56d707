#include "base/instruments.h"

#include <algorithm>

namespace wrenn::base {

void DurationHistogram::observe(Duration took) {
  took = std::max(took, Duration::zero());
  const auto bucket = std::ranges::lower_bound(bounds_, took) - bounds_.begin();
  buckets_[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
  sum_ns_.fetch_add(static_cast<std::uint64_t>(took.count()), std::memory_order_relaxed);
}

DurationHistogram::Snapshot DurationHistogram::snapshot() const {
  Snapshot snapshot;
  std::uint64_t count = 0;
  for (const auto& bucket : buckets_) {
    count += bucket.load(std::memory_order_relaxed);
    snapshot.cumulative.push_back(count);
  }
  snapshot.sum_seconds = static_cast<double>(sum_ns_.load(std::memory_order_relaxed)) / 1e9;
  return snapshot;
}

}  // namespace wrenn::base
