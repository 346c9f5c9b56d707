// Completion scripts, made from the commands themselves so that they are never out of date.
#pragma once

#include <string>
#include <vector>

namespace wrenn::cli {

// One command: the words that lead to it, and what may follow.
struct CommandWords {
  std::string path;  // "", "sandbox", "sandbox create".
  std::vector<std::string> subcommands;
  std::vector<std::string> options;
};

std::string bash_completion(const std::vector<CommandWords>& commands);
std::string zsh_completion(const std::vector<CommandWords>& commands);
std::string fish_completion(const std::vector<CommandWords>& commands);

}  // namespace wrenn::cli
