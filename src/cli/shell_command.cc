// wrenn sandbox shell.
#include <unistd.h>

#include <memory>

#include <CLI/CLI.hpp>

#include "cli/remote_run.h"
#include "cli/session.h"

namespace wrenn::cli {
namespace {

// A login shell: bash where there is one.
constexpr std::string_view kShell = "command -v bash >/dev/null && exec bash -l; exec sh -l";

struct ShellOptions {
  std::string id;
  std::string shell;
  std::string tag;
  CommandPlace place;
};

base::Result<int> run(Session& session, const ShellOptions& options) {
  if (::isatty(STDIN_FILENO) == 0) {
    return session.console.usage("standard input is not a terminal",
                                 "`wrenn sandbox exec -i ID -- sh` runs a script from a pipe");
  }
  RemoteRun run{.id = options.id, .place = options.place, .tag = options.tag};
  run.has_terminal = run.takes_input = true;
  if (options.tag.empty()) {
    run.command = options.shell.empty()
                      ? std::vector<std::string>{"/bin/sh", "-c", std::string(kShell)}
                      : std::vector<std::string>{options.shell};
  }
  return run_remote(session, std::move(run));
}

}  // namespace

void add_shell_command(CLI::App& sandbox, Session& session) {
  auto* command = sandbox.add_subcommand("shell", "Open a terminal in a sandbox");
  auto options = std::make_shared<ShellOptions>();
  command->add_option("ID", options->id, "The sandbox; a beginning of its id is enough")
      ->required();
  command->add_option("--shell", options->shell, "The program (else bash, else sh)");
  command->add_option("--attach", options->tag, "Tag of a terminal to come back to");
  add_place_options(*command, options->place);
  command->footer(
      "At the beginning of a line, ~. leaves, also when nothing reacts any more; the shell goes "
      "on\n"
      "then. ~~ is one ~. The exit status is that of the shell. A lost connection is made again.");
  command->callback([&session, options] {
    session.action = [&session, options] { return run(session, *options); };
  });
}

}  // namespace wrenn::cli
