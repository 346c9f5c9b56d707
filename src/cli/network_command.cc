// wrenn sandbox network: shows and changes what a sandbox may reach.
#include <memory>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/strings.h"
#include "base/time.h"
#include "cli/age.h"
#include "cli/json_text.h"
#include "cli/network_arguments.h"
#include "cli/sandbox_lookup.h"
#include "cli/session.h"
#include "cli/table.h"

namespace wrenn::cli {
namespace {

namespace json = boost::json;

struct Options {
  std::string id;
  NetworkOptions network;
  bool json = false;
};

// {"network": {...}, "denials": [...] or null}.
struct Report {
  json::object network;
  std::vector<json::object> denials;
  bool runs = false;
};

base::Result<Report> parse_report(const std::string& reply) {
  WRENN_TRY_ASSIGN(const auto value, parse_json(reply));
  const auto* object = value.if_object();
  const auto* network = object == nullptr ? nullptr : object->if_contains("network");
  if (network == nullptr || !network->is_object()) {
    return base::fail(base::Code::kInternal, "the API's reply makes no sense");
  }
  Report report{.network = network->get_object(), .denials = {}};
  const auto* denials = object->if_contains("denials");
  report.runs = denials != nullptr && denials->is_array();
  if (!report.runs) return report;
  for (const auto& entry : denials->get_array()) {
    if (const auto* denial = entry.if_object()) report.denials.push_back(*denial);
  }
  return report;
}

std::string entries_of(const json::object& network, std::string_view name) {
  std::vector<std::string> texts;
  const auto* list = network.if_contains(name);
  if (list != nullptr && list->is_array()) {
    for (const auto& entry : list->get_array()) {
      if (const auto* text = entry.if_string()) texts.push_back(printable(*text));
    }
  }
  return texts.empty() ? "none" : base::join(texts, ", ");
}

std::string describe(const json::object& network, const Paint& paint) {
  const auto* access = network.if_contains("allow_internet_access");
  const bool is_open = access == nullptr || !access->is_bool() || access->get_bool();
  return base::concat(paint.dim("internet access"), "  ", is_open ? "yes" : "no", '\n',
                      paint.dim("always allowed"), "   ", entries_of(network, "allow_out"), '\n',
                      paint.dim("denied"), "           ", entries_of(network, "deny_out"), '\n');
}

std::string denials_table(const std::vector<json::object>& denials, const Paint& paint) {
  Table table({"REFUSED", "PROTOCOL", "PORT", "PACKETS", "LAST"});
  table.align_right(2);
  table.align_right(3);
  for (const auto& denial : denials) {
    const auto port = int_field(denial, "port");
    const auto at = parse_rfc3339(string_field(denial, "last_at"));
    table.add({string_field(denial, "address"), string_field(denial, "protocol"),
               port == 0 ? "-" : base::concat(port), base::concat(int_field(denial, "packets")),
               at ? human_age(base::unix_ms_now() - *at) : "-"});
  }
  return table.render(paint);
}

base::Result<void> show(const Console& console, const Report& report) {
  WRENN_TRY(console.out(describe(report.network, console.out_paint)));
  if (!report.denials.empty()) {
    return console.out("\n" + denials_table(report.denials, console.out_paint));
  }
  if (console.err_is_terminal) {
    console.say(console.err_paint.dim(report.runs ? "nothing was refused in the last hour"
                                                  : "what it is refused is known while it runs"));
  }
  return {};
}

// What is not said stays as it is, though the API replaces all of it.
net::Task<base::Result<int>> run(ApiClient& api, const Console& console, Options options) {
  WRENN_CO_TRY_ASSIGN(const std::string id, co_await find_sandbox(api, options.id));
  const std::string path = base::concat("/v1/capsules/", id, "/network");
  WRENN_CO_TRY_ASSIGN(std::string reply, co_await api.call("GET", path));
  WRENN_CO_TRY_ASSIGN(Report report, parse_report(reply));
  if (options.network.says_something()) {
    WRENN_CO_TRY(apply(options.network, report.network));
    WRENN_CO_TRY_ASSIGN(reply, co_await api.call("PUT", path, json::serialize(report.network)));
    if (options.json) WRENN_CO_TRY(console.out_json(reply));
    co_return 0;
  }
  if (options.json) {
    WRENN_CO_TRY(console.out_json(reply));
  } else {
    WRENN_CO_TRY(show(console, report));
  }
  co_return 0;
}

}  // namespace

void add_network_command(CLI::App& sandbox, Session& session) {
  auto* command = sandbox.add_subcommand("network", "Show or change what a sandbox may reach");
  command->footer(
      "A list that is given replaces the one before; `none` empties it. What is not given stays.");
  auto options = std::make_shared<Options>();
  command->add_option("ID", options->id, "The sandbox; a beginning of its id is enough")
      ->required();
  auto* closed = add_network_options(*command, options->network);
  command->add_flag("--internet", options->network.internet, "It reaches what is not denied")
      ->excludes(closed);
  command->add_flag("--json", options->json, "Print the API's whole answer");
  command->callback([&session, options] {
    session.action = [&session, options]() -> base::Result<int> {
      json::object tried;
      if (const auto applied = apply(options->network, tried); !applied) {
        return session.console.usage(applied.error().message, applied.error().remedy);
      }
      return with_api(session, [&](ApiClient& api) { return run(api, session.console, *options); });
    };
  });
}

}  // namespace wrenn::cli
