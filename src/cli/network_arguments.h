// What a sandbox may reach, as people write it on the command line. Pure and thread-safe.
#pragma once

#include <string>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/result.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace wrenn::cli {

struct NetworkOptions {
  bool no_internet = false;
  bool internet = false;               // The contrary, where there is something to change.
  std::vector<std::string> allow_out;  // Empty: not said. "none" alone is an empty list.
  std::vector<std::string> deny_out;

  bool says_something() const {
    return no_internet || internet || !allow_out.empty() || !deny_out.empty();
  }
};

// --no-internet, --allow-out and --deny-out, into `options`, which must outlive the parsing. The
// result is the first of them.
CLI::Option* add_network_options(CLI::App& command, NetworkOptions& options);

// What was said, over what `network` has. kInvalidArgument for "none" among others; entries are the
// API's to judge.
base::Result<void> apply(const NetworkOptions& options, boost::json::object& network);

}  // namespace wrenn::cli
