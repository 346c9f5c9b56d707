#include "cli/lifecycle_arguments.h"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "cli/port_arguments.h"

namespace wrenn::cli {

void add_lifecycle_options(CLI::App& command, LifecycleOptions& options) {
  command.add_option("--timeout", options.timeout,
                     "Time without use after which it is paused: 90s, 15m, 1h, 7d, or never");
  command.add_option("--max-lifetime", options.max_lifetime,
                     "Time after which it is paused however it is used, or never");
  command
      .add_option("--on-timeout", options.on_timeout,
                  "What happens at either: pause (the default) or kill, which destroys it")
      ->check(CLI::IsMember({"pause", "kill"}));
}

base::Result<std::int64_t> parse_limit(std::string_view text) {
  if (text == "0" || text == "never") return 0;
  auto seconds = parse_seconds(text);
  if (!seconds) seconds.error().remedy += ", or never";
  return seconds;
}

base::Result<void> add_to_body(const LifecycleOptions& options, boost::json::object& body) {
  if (!options.timeout.empty()) {
    WRENN_TRY_ASSIGN(body["timeout_sec"], parse_limit(options.timeout));
  }
  if (!options.max_lifetime.empty()) {
    WRENN_TRY_ASSIGN(body["max_lifetime_sec"], parse_limit(options.max_lifetime));
  }
  if (!options.on_timeout.empty()) body["on_timeout"] = options.on_timeout;
  return {};
}

base::Result<boost::json::object> lifecycle_body(const LifecycleOptions& options) {
  boost::json::object body;
  WRENN_TRY(add_to_body(options, body));
  return body;
}

}  // namespace wrenn::cli
