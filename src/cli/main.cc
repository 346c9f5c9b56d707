#include <algorithm>

#include <CLI/CLI.hpp>

#include "base/strings.h"
#include "cli/help.h"
#include "cli/session.h"

namespace wrenn::cli {
namespace {

// Keeps the remote command of `exec ... -- COMMAND` away from our parser.
std::vector<std::string> take_arguments(int argc, char** argv, Session& session) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  const auto separator = std::find(arguments.begin(), arguments.end(), "--");
  const bool is_exec = std::find(arguments.begin(), separator, "exec") != separator;
  if (is_exec && separator != arguments.end()) {
    session.trailing.assign(separator + 1, arguments.end());
    arguments.erase(separator, arguments.end());
  }
  return arguments;
}

void add_commands(CLI::App& app, Session& session) {
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.add_option("--api-url", session.flags.api_url, "Address of the API");
  app.add_option("--api-key", session.flags.api_key, "Key for the API");
  app.add_option("--config", session.flags.config, "The configuration file");
  const auto print_version = [&session]() -> base::Result<int> {
    WRENN_TRY(session.console.out("wrenn " WRENN_VERSION "\n"));
    return 0;
  };
  app.add_flag_callback("--version", [&session, print_version] { session.action = print_version; });
  add_sandbox_commands(app, session);
  add_template_commands(app, session);
  add_host_commands(app, session);
  add_files_commands(app, session);
  add_up_command(app, session);
  add_down_command(app, session);
  add_doctor_command(app, session);
  add_setup_command(app, session);
  add_completion_command(app, session);
  app.add_subcommand("version", "Print the version")->callback([&session, print_version] {
    session.action = print_version;
  });
}

// The command that was being typed, for the hint.
std::string typed_command(const CLI::App& app) {
  std::string path = "wrenn";
  for (const CLI::App* at = &app; !at->get_subcommands().empty();) {
    at = at->get_subcommands().front();
    path += " " + at->get_name();
  }
  return path;
}

int report_parse_error(const CLI::App& app, const Session& session, const CLI::ParseError& error) {
  const std::string command = typed_command(app);
  std::string hint = base::concat("`", command, " --help` shows how it is used");
  if (command.ends_with(" exec")) hint += "; the command to run stands after --";
  std::string message = error.what();
  while (message.ends_with('\n')) message.pop_back();
  std::replace(message.begin(), message.end(), '\n', ' ');
  return session.console.usage(message, hint);
}

int run(int argc, char** argv) {
  Session session;
  CLI::App app("sandboxes that are real virtual machines", "wrenn");
  use_help(app);
  add_commands(app, session);
  auto arguments = take_arguments(argc, argv, session);
  std::reverse(arguments.begin(), arguments.end());
  try {
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    return app.exit(CLI::CallForHelp());
  } catch (const CLI::ParseError& error) {
    return report_parse_error(app, session, error);
  }
  if (!session.action) return app.exit(CLI::CallForHelp());
  const auto status = session.action();
  if (status) return *status;
  session.console.report(status.error());
  return kFailed;
}

}  // namespace
}  // namespace wrenn::cli

int main(int argc, char** argv) {
  return wrenn::cli::run(argc, argv);
}
