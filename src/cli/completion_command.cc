// wrenn completion bash, zsh and fish.
#include <CLI/CLI.hpp>

#include "base/strings.h"
#include "cli/completion.h"
#include "cli/session.h"

namespace wrenn::cli {
namespace {

void collect(const CLI::App& app, const std::string& path, std::vector<CommandWords>& commands) {
  CommandWords words{.path = path};
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) words.options.push_back("--" + name);
  }
  const auto subcommands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const auto* sub : subcommands) words.subcommands.push_back(sub->get_name());
  commands.push_back(std::move(words));
  for (const auto* sub : subcommands) {
    collect(*sub, path.empty() ? sub->get_name() : path + " " + sub->get_name(), commands);
  }
}

using Maker = std::string (*)(const std::vector<CommandWords>&);

void add_shell(CLI::App& parent, CLI::App& app, Session& session, const char* shell, Maker make) {
  auto* command = parent.add_subcommand(shell, base::concat("The script for ", shell));
  command->callback([&app, &session, make] {
    session.action = [&app, &session, make]() -> base::Result<int> {
      std::vector<CommandWords> commands;
      collect(app, "", commands);
      WRENN_TRY(session.console.out(make(commands)));
      return 0;
    };
  });
}

}  // namespace

void add_completion_command(CLI::App& app, Session& session) {
  auto* command = app.add_subcommand("completion", "Print the completion script of a shell");
  command->require_subcommand(1);
  command->footer("Example: source <(wrenn completion bash)");
  add_shell(*command, app, session, "bash", bash_completion);
  add_shell(*command, app, session, "zsh", zsh_completion);
  add_shell(*command, app, session, "fish", fish_completion);
}

}  // namespace wrenn::cli
