// on_pool: runs blocking work that answers as the API does on a pool's thread.
#pragma once

#include <type_traits>

#include "control/api/errors.h"
#include "net/blocking.h"

namespace wrenn::control {

// `work` returns an Answer; what it refers to must outlive the task.
template <class Work>
net::Task<std::invoke_result_t<Work>> on_pool(net::BlockingPool& pool, Work work) {
  using Done = std::invoke_result_t<Work>;
  auto done = co_await pool.run([&work]() -> base::Result<Done> { return work(); });
  if (!done) co_return std::unexpected(from_db(done.error()));
  co_return *std::move(done);
}

}  // namespace wrenn::control
