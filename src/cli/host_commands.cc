// wrenn host add, ls, label, rm, drain and token.
#include <memory>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/strings.h"
#include "base/time.h"
#include "cli/hosts.h"
#include "cli/labels.h"
#include "cli/session.h"
#include "cli/table.h"

namespace wrenn::cli {
namespace {

using base::concat;
using net::Task;

struct HostOptions {
  std::vector<std::string> names;
  std::vector<std::string> labels;
  std::string team;
  bool force = false;
  bool undo = false;
  bool json = false;

  Form form() const { return json ? Form::kJson : Form::kText; }
};

Task<base::Result<std::vector<Host>>> all_hosts(ApiClient& api) {
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await api.call("GET", "/v1/hosts"));
  co_return parse_host_list(reply);
}

Task<base::Result<std::string>> path_of(ApiClient& api, std::string name) {
  WRENN_CO_TRY_ASSIGN(const auto hosts, co_await all_hosts(api));
  WRENN_CO_TRY_ASSIGN(const Host host, find_host(hosts, name));
  co_return concat("/v1/hosts/", host.id);
}

// The token alone goes to standard output, so that a script can take it.
base::Result<int> show_token(const ApiClient& api, const Console& console, Form form,
                             const std::string& reply) {
  if (form == Form::kJson) {
    WRENN_TRY(console.out_json(reply));
    return 0;
  }
  WRENN_TRY_ASSIGN(const std::string token, parse_registration_token(reply));
  WRENN_TRY(console.out(concat(token, "\n")));
  console.say(concat(
      "good for one hour, and once; on that machine, as root:\n  wrenn-agent --register TOKEN "
      "--address IP:PORT --control-plane ",
      api.url()));
  return 0;
}

Task<base::Result<int>> add(ApiClient& api, const Console& console, HostOptions options) {
  boost::json::object body{{"name", options.names.front()}};
  if (!options.team.empty()) {
    body["type"] = "byoc";
    body["team_id"] = options.team;
  }
  WRENN_CO_TRY_ASSIGN(const auto labels, parse_labels(options.labels, false));
  boost::json::object named;
  for (const auto& [name, value] : labels) named[name] = *value;
  if (!named.empty()) body["labels"] = std::move(named);
  WRENN_CO_TRY_ASSIGN(const std::string reply,
                      co_await api.call("POST", "/v1/hosts", boost::json::serialize(body)));
  co_return show_token(api, console, options.form(), reply);
}

Task<base::Result<int>> renew_token(ApiClient& api, const Console& console, HostOptions options) {
  WRENN_CO_TRY_ASSIGN(const std::string path, co_await path_of(api, options.names.front()));
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await api.call("POST", path + "/token"));
  co_return show_token(api, console, options.form(), reply);
}

Task<base::Result<int>> list(ApiClient& api, const Console& console, HostOptions options) {
  WRENN_CO_TRY_ASSIGN(const std::string reply, co_await api.call("GET", "/v1/hosts"));
  if (options.form() == Form::kJson) {
    WRENN_CO_TRY(console.out_json(reply));
    co_return 0;
  }
  WRENN_CO_TRY_ASSIGN(const auto hosts, parse_host_list(reply));
  WRENN_CO_TRY(console.out(host_table(hosts, base::unix_ms_now(), console.out_paint)));
  co_return 0;
}

Task<base::Result<int>> label(ApiClient& api, const Console& console, HostOptions options) {
  WRENN_CO_TRY_ASSIGN(const auto labels, parse_labels(options.labels, true));
  WRENN_CO_TRY_ASSIGN(const std::string path, co_await path_of(api, options.names.front()));
  WRENN_CO_TRY_ASSIGN(const std::string reply,
                      co_await api.call("PATCH", path, label_changes_json(labels)));
  if (options.form() == Form::kJson) WRENN_CO_TRY(console.out_json(reply));
  co_return 0;
}

Task<base::Result<void>> change(ApiClient& api, std::string name, const char* method,
                                const char* what) {
  WRENN_CO_TRY_ASSIGN(const std::string path, co_await path_of(api, std::move(name)));
  WRENN_CO_TRY(co_await api.call(method, path + what));
  co_return {};
}

// One that cannot be changed does not keep the others.
Task<base::Result<int>> change_all(ApiClient& api, const Console& console,
                                   std::vector<std::string> names, const char* method,
                                   const char* what, std::string_view done) {
  int status = 0;
  for (const std::string& name : names) {
    if (auto changed = co_await change(api, name, method, what); !changed) {
      console.report(std::move(changed).error().with_context(printable(name)));
      status = kFailed;
    } else if (console.err_is_terminal) {
      console.say(concat(done, " ", printable(name)));
    }
  }
  co_return status;
}

Task<base::Result<int>> remove(ApiClient& api, const Console& console, HostOptions options) {
  return change_all(api, console, std::move(options.names), "DELETE",
                    options.force ? "?force=true" : "", "removed");
}

Task<base::Result<int>> drain(ApiClient& api, const Console& console, HostOptions options) {
  return change_all(api, console, std::move(options.names), options.undo ? "DELETE" : "POST",
                    "/drain", options.undo ? "no longer drained:" : "draining");
}

using Run = Task<base::Result<int>> (*)(ApiClient&, const Console&, HostOptions);

std::shared_ptr<HostOptions> add_command(CLI::App* command, Session& session, Run run) {
  auto options = std::make_shared<HostOptions>();
  command->callback([&session, options, run] {
    session.action = [&session, options, run] {
      return with_api(session, [&](ApiClient& api) { return run(api, session.console, *options); });
    };
  });
  return options;
}

void add_json(CLI::App* command, HostOptions& options) {
  command->add_flag("--json", options.json, "Print the API's whole answer");
}

}  // namespace

void add_host_commands(CLI::App& app, Session& session) {
  auto* parent = app.add_subcommand("host", "Add and remove the machines that run sandboxes");
  parent->require_subcommand(1);

  auto* command =
      parent->add_subcommand("add", "Add a host, and print the token it registers with");
  auto options = add_command(command, session, add);
  command->add_option("NAME", options->names, "What it is called: a-z, 0-9 and -")
      ->required()
      ->expected(1);
  command->add_option("--team", options->team, "The id of the team whose own host it is");
  command->add_option("--label", options->labels, "NAME=VALUE that sandboxes may ask for; several")
      ->allow_extra_args(false);
  add_json(command, *options);

  command = parent->add_subcommand("ls", "List the hosts");
  command->alias("list");
  options = add_command(command, session, list);
  add_json(command, *options);

  command = parent->add_subcommand("label", "Change the labels of a host");
  command->footer("Sandboxes ask for them: wrenn sandbox create --host-label NAME=VALUE");
  options = add_command(command, session, label);
  // One value, since a list would take the labels, too.
  options->names.emplace_back();
  command->add_option("NAME", options->names.front(), "The host, or its id")->required();
  command->add_option("LABEL", options->labels, "NAME=VALUE sets one, NAME- takes it away")
      ->required();
  add_json(command, *options);

  command = parent->add_subcommand("token", "Print another token, for a host whose first was lost");
  options = add_command(command, session, renew_token);
  command->add_option("NAME", options->names, "The host, or its id")->required()->expected(1);
  add_json(command, *options);

  command = parent->add_subcommand("drain", "Pause what runs on hosts, and start nothing there");
  options = add_command(command, session, drain);
  command->add_option("NAME", options->names, "The hosts, or their ids")->required();
  command->add_flag("--undo", options->undo, "Let them take sandboxes again");

  command = parent->add_subcommand("rm", "Remove hosts that have no sandboxes");
  options = add_command(command, session, remove);
  command->add_option("NAME", options->names, "The hosts, or their ids")->required();
  command->add_flag("--force", options->force, "Their sandboxes end");
}

}  // namespace wrenn::cli
