// Operations: what is done to sandboxes, whoever asked for it: a call of the API, or traffic that
// wakes one. Thread-safe.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <utility>

#include "base/operation_stats.h"
#include "control/api/errors.h"
#include "net/task.h"

namespace wrenn::control {

enum class Operation { kCreate, kPause, kResume, kHibernate, kWake, kFork, kDestroy };
inline constexpr std::array<std::string_view, 7> kOperationNames = {
    "create", "pause", "resume", "hibernate", "wake", "fork", "destroy"};

class Operations {
 public:
  // The same task, counted when it ends.
  template <class T>
  net::Task<Answer<T>> measure(Operation operation, net::Task<Answer<T>> task) {
    const auto began = base::steady_now();
    Answer<T> answer = co_await std::move(task);
    const auto result = answer ? base::OperationResult::kOk : result_of(answer.error());
    stats_.at(static_cast<std::size_t>(operation)).record(result, base::steady_now() - began);
    co_return answer;
  }
  // In the order of the names.
  std::span<const base::OperationStats> all() const { return stats_; }

 private:
  static base::OperationResult result_of(const ApiError& error) {
    constexpr int kServerError = 500;
    return http_status(error.code) < kServerError ? base::OperationResult::kRefused
                                                  : base::OperationResult::kFailed;
  }
  std::array<base::OperationStats, kOperationNames.size()> stats_;
};

}  // namespace wrenn::control
