#include "cli/network_arguments.h"

#include <algorithm>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/strings.h"

namespace wrenn::cli {
namespace {

constexpr std::string_view kNone = "none";

base::Result<void> set_list(std::string_view option, std::string_view field,
                            const std::vector<std::string>& entries, boost::json::object& network) {
  if (entries.empty()) return {};
  if (std::ranges::find(entries, kNone) == entries.end()) {
    network[field] = boost::json::array(entries.begin(), entries.end());
    return {};
  }
  if (entries.size() > 1) {
    return base::fail(base::Code::kInvalidArgument,
                      base::concat(option, " none empties the list, and stands alone"),
                      "leave out `none`, or the others");
  }
  network[field] = boost::json::array();
  return {};
}

}  // namespace

CLI::Option* add_network_options(CLI::App& command, NetworkOptions& options) {
  auto* first = command.add_flag("--no-internet", options.no_internet,
                                 "It reaches nothing outside but what --allow-out names");
  command
      .add_option("--allow-out", options.allow_out,
                  "An IPv4 address or CIDR block that it reaches always; several may be given")
      ->allow_extra_args(false);
  command
      .add_option("--deny-out", options.deny_out,
                  "One that it does not reach, unless it is allowed; several may be given")
      ->allow_extra_args(false);
  return first;
}

base::Result<void> apply(const NetworkOptions& options, boost::json::object& network) {
  if (options.no_internet || options.internet) {
    network["allow_internet_access"] = options.internet;
  }
  WRENN_TRY(set_list("--allow-out", "allow_out", options.allow_out, network));
  return set_list("--deny-out", "deny_out", options.deny_out, network);
}

}  // namespace wrenn::cli
