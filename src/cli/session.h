// Session: what every command is given, and the command that was chosen.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/api_client.h"
#include "cli/config.h"
#include "cli/console.h"
#include "net/loop.h"

namespace CLI {
class App;
}

namespace wrenn::cli {

// The result is the exit status. An error is reported by main() and ends with kFailed.
using Action = std::function<base::Result<int>()>;

struct Session {
  Console console = Console::detect();
  Environment environment = process_environment();
  Flags flags;
  // What stood after `exec ... --`: the remote command, which our parser must not look at.
  std::vector<std::string> trailing;
  Action action;  // Set while the command line is parsed, run afterwards.
};

// Runs `start(api)`, a Task<Result<int>>, to its end.
template <class F>
base::Result<int> with_api(Session& session, F start, base::Duration patience = kUsualPatience) {
  WRENN_TRY_ASSIGN(const Settings settings, load_settings(session.flags, session.environment));
  net::Loop loop;
  WRENN_TRY_ASSIGN(const auto api, ApiClient::create(settings, patience));
  return loop.block_on(start(*api));
}

// Each adds its commands to the command line. `session` must outlive the parsing and the action.
void add_sandbox_commands(CLI::App& app, Session& session);
void add_exec_command(CLI::App& sandbox, Session& session);
void add_lifecycle_commands(CLI::App& sandbox, Session& session);
void add_label_command(CLI::App& sandbox, Session& session);
void add_network_command(CLI::App& sandbox, Session& session);
void add_port_commands(CLI::App& sandbox, Session& session);
void add_forward_command(CLI::App& sandbox, Session& session);
void add_shell_command(CLI::App& sandbox, Session& session);
void add_template_commands(CLI::App& app, Session& session);
void add_template_build_command(CLI::App& templates, Session& session);
void add_template_builds_commands(CLI::App& templates, Session& session);
void add_host_commands(CLI::App& app, Session& session);
void add_files_commands(CLI::App& app, Session& session);
void add_up_command(CLI::App& app, Session& session);
void add_down_command(CLI::App& app, Session& session);
void add_doctor_command(CLI::App& app, Session& session);
void add_setup_command(CLI::App& app, Session& session);
void add_completion_command(CLI::App& app, Session& session);

}  // namespace wrenn::cli
