// OperationStats: how often something was done, with what result, and how long it took.
// Thread-safe.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "base/exposition.h"
#include "base/instruments.h"
#include "base/result.h"

namespace wrenn::base {

// What came of something that may be refused (whoever asked is to blame) or fail (we are).
enum class OperationResult { kOk, kRefused, kFailed };
inline constexpr std::array<std::string_view, 3> kOperationResults = {"ok", "refused", "failed"};
// By its code: failed, unless it says that the request was not right, or that the caller left.
OperationResult result_of(const Error& error);

// One kind of operation: how often, with what result, and how long it took.
class OperationStats {
 public:
  void record(OperationResult result, Duration took) {
    results_[static_cast<std::size_t>(result)].add();
    if (result == OperationResult::kOk) took_.observe(took);
  }
  std::uint64_t value(OperationResult result) const {
    return results_[static_cast<std::size_t>(result)].value();
  }
  // Of those that succeeded: a refusal is quick and would hide them.
  const DurationHistogram& took() const { return took_; }

 private:
  std::array<Counter, kOperationResults.size()> results_;
  DurationHistogram took_{kOperationBounds};
};

// As PREFIX_operations_total and PREFIX_operation_duration_seconds; one name for each of the stats.
void write_operations(Exposition& out, std::string_view prefix,
                      std::span<const std::string_view> names,
                      std::span<const OperationStats> stats);

}  // namespace wrenn::base
