// What `sandbox shell` and `sandbox exec -it` have in common: a command line becomes a
// RemoteProcess.
#pragma once

#include <string>
#include <vector>

#include "cli/session.h"

namespace wrenn::cli {

// Where and as whom a command runs.
struct CommandPlace {
  std::string cwd;
  std::vector<std::string> env;  // NAME=VALUE
  std::string user;
};
void add_place_options(CLI::App& command, CommandPlace& place);
// 0, or the status of the complaint that was shown.
int check_place(const Console& console, const CommandPlace& place);

struct RemoteRun {
  std::string id;                    // As it was typed.
  std::vector<std::string> command;  // None: the terminal with that tag.
  CommandPlace place;
  std::string tag;
  bool has_terminal = false;
  bool takes_input = false;
};
// The exit status. With terminal and input, ours is raw meanwhile.
base::Result<int> run_remote(Session& session, RemoteRun run);

}  // namespace wrenn::cli
