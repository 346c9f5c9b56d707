#include "base/operation_stats.h"

#include "base/strings.h"

namespace wrenn::base {

OperationResult result_of(const Error& error) {
  switch (error.code) {
    case Code::kCanceled:
    case Code::kInvalidArgument:
    case Code::kNotFound:
    case Code::kAlreadyExists:
    case Code::kPermissionDenied:
    case Code::kFailedPrecondition:
    case Code::kAborted:
    case Code::kOutOfRange:
    case Code::kUnauthenticated:
      return OperationResult::kRefused;
    default:
      return OperationResult::kFailed;
  }
}

void write_operations(Exposition& out, std::string_view prefix,
                      std::span<const std::string_view> names,
                      std::span<const OperationStats> stats) {
  out.begin(
      MetricKind::kCounter, concat(prefix, "_operations_total"),
      "What was done to sandboxes: ok, refused (what was asked for was not right) or failed.");
  for (std::size_t i = 0; i < stats.size(); ++i) {
    for (std::size_t result = 0; result < kOperationResults.size(); ++result) {
      out.sample({{"operation", names[i]}, {"result", kOperationResults[result]}},
                 stats[i].value(static_cast<OperationResult>(result)));
    }
  }
  out.begin(MetricKind::kHistogram, concat(prefix, "_operation_duration_seconds"),
            "How long that took, where it succeeded.");
  for (std::size_t i = 0; i < stats.size(); ++i) {
    out.sample({{"operation", names[i]}}, stats[i].took());
  }
}

}  // namespace wrenn::base
