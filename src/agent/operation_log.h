// What was done to a sandbox, in the log.
#pragma once

#include <string>
#include <string_view>

#include "base/log.h"
#include "base/time.h"
#include "net/scope.h"

namespace wrenn::agent {

// How long it took, and the request that it was done for, if it was for one.
// `what`: a constant.
inline net::Task<void> log_done(std::string_view what, std::string sandbox_id,
                                base::SteadyTime began) {
  const std::string request = co_await net::current_request_id();
  base::log_info(what, {{"sandbox", sandbox_id},
                        {"ms", base::to_ms(base::steady_now() - began)},
                        {"request", request}});
}

}  // namespace wrenn::agent
