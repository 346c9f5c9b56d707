// The time limits of a sandbox as people write them on the command line. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "base/result.h"

namespace CLI {
class App;
}

namespace wrenn::cli {

// As they were typed; empty: not said.
struct LifecycleOptions {
  std::string timeout;
  std::string max_lifetime;
  std::string on_timeout;
};

// --timeout, --max-lifetime and --on-timeout, into `options`, which must outlive the parsing.
void add_lifecycle_options(CLI::App& command, LifecycleOptions& options);

// "90s", "15m", "1h", "7d" or plain seconds, as seconds; 0 for "0" and "never". kInvalidArgument,
// with what to write, for anything else.
base::Result<std::int64_t> parse_limit(std::string_view text);
// Adds what was said to the body of a request.
base::Result<void> add_to_body(const LifecycleOptions& options, boost::json::object& body);
// Nothing but that.
base::Result<boost::json::object> lifecycle_body(const LifecycleOptions& options);

}  // namespace wrenn::cli
