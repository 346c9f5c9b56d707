// How long the client waits for a stream's next step. Used by the client alone.
#pragma once

#include <algorithm>
#include <optional>

#include "base/time.h"
#include "net/scope.h"

namespace wrenn::connect::detail {

// How much longer than the server a stream's client waits, so that the server's word arrives.
inline constexpr base::Duration kDeadlineGrace = std::chrono::seconds(1);

template <class T>
net::Task<base::Result<T>> until_deadline(std::optional<base::SteadyTime> deadline,
                                          net::Task<base::Result<T>> task) {
  if (!deadline) co_return co_await std::move(task);
  const base::Duration left = *deadline + kDeadlineGrace - base::steady_now();
  auto result = co_await net::with_timeout(std::max(left, base::Duration(1)), std::move(task));
  // A server whose deadline passed in the middle of a message cannot say so.
  const bool late = base::steady_now() >= *deadline;
  if (!result && result.error().code == base::Code::kUnavailable && late) {
    co_return base::fail(base::Code::kDeadlineExceeded, "the stream did not end in time");
  }
  co_return result;
}

}  // namespace wrenn::connect::detail
