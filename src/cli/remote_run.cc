#include "cli/remote_run.h"

#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include <CLI/CLI.hpp>

#include "base/strings.h"
#include "cli/raw_terminal.h"
#include "cli/remote_process.h"
#include "cli/sandbox_lookup.h"

namespace wrenn::cli {
namespace {

RemoteCommand remote_command(const RemoteRun& run) {
  RemoteCommand command{
      .command = run.command, .envs = {}, .cwd = run.place.cwd, .user = run.place.user};
  // Both sides must mean the same terminal.
  const char* term = std::getenv("TERM");
  if (run.has_terminal && term != nullptr && *term != '\0') command.envs["TERM"] = term;
  for (const auto& pair : run.place.env) {
    const auto equals = pair.find('=');
    command.envs[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return command;
}

net::Task<base::Result<int>> run_on(ApiClient& api, const Console& console, net::Signals& signals,
                                    RemoteRun run) {
  WRENN_CO_TRY_ASSIGN(std::string id, co_await find_sandbox(api, run.id));
  const net::Context context = co_await net::current_context();
  RemoteProcess process(*context.loop, api, console, signals,
                        {.sandbox_id = std::move(id),
                         .command = remote_command(run),
                         .tag = run.tag,
                         .has_terminal = run.has_terminal,
                         .takes_input = run.takes_input});
  std::optional<RawTerminal> raw;
  if (run.has_terminal && run.takes_input) {
    WRENN_CO_TRY_ASSIGN(RawTerminal entered, RawTerminal::enter(STDIN_FILENO));
    raw.emplace(std::move(entered));
  }
  co_return co_await process.run();
}

}  // namespace

void add_place_options(CLI::App& command, CommandPlace& place) {
  command.add_option("--cwd", place.cwd, "Directory it runs in");
  command.add_option("--env", place.env, "NAME=VALUE, any number of times")
      ->allow_extra_args(false);
  command.add_option("--user", place.user, "User it runs as");
}

int check_place(const Console& console, const CommandPlace& place) {
  for (const auto& pair : place.env) {
    if (pair.find('=') == std::string::npos || pair.starts_with('=')) {
      return console.usage(base::concat("--env '", pair, "' is not NAME=VALUE"), "");
    }
  }
  return 0;
}

base::Result<int> run_remote(Session& session, RemoteRun run) {
  if (const int status = check_place(session.console, run.place); status != 0) return status;
  net::ignore_sigpipe();
  WRENN_TRY_ASSIGN(auto signals, net::Signals::create({SIGWINCH, SIGINT, SIGTERM, SIGHUP}));
  return with_api(session, [&](ApiClient& api) {
    return run_on(api, session.console, signals, std::move(run));
  });
}

}  // namespace wrenn::cli
