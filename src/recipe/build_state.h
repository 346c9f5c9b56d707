// BuildState: what the instructions of a stage have come to so far, and what the next one asks
// for. Variables are filled in here.
//
//   BuildState state = BuildState::begin(plan, config of the base);
//   for (const Instruction& instruction : stage.instructions) {
//     WRENN_TRY_ASSIGN(Action action, state.apply(instruction));
//     ... do it in the sandbox, or take the layer with step_key(parent, action, ...)
//   }
//   state.config() is what the template has.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "recipe/build_plan.h"

namespace wrenn::recipe {

// What a template or an image says about how programs run in it.
struct ImageConfig {
  Environment environment;
  std::string user;  // "user[:group]"; empty: root.
  std::string workdir = "/";
  std::vector<std::string> shell;  // Empty: /bin/sh -c.
  std::optional<Command> entrypoint;
  std::optional<Command> cmd;
  std::set<std::string> exposed;  // "8080/tcp"
  std::set<std::string> volumes;
  std::map<std::string, std::string> labels;
  std::optional<ReadyCheck> ready_check;
  std::string stop_signal;
};

// A program, ready to be started.
struct Process {
  std::vector<std::string> argv;
  Environment environment;
  std::string workdir;
  std::string user;  // "user[:group]"; never empty.
};

// Where the text of Execute::script is put, executable, for as long as the step takes. The file
// must not become part of the layer.
inline constexpr std::string_view kScriptPath = "/dev/pipes/script";

struct Execute {
  Process process;
  std::optional<Duration> timeout;
  std::optional<std::string> script;
  // Names in the environment that do not change what comes out (proxies): not part of the key.
  std::set<std::string> not_in_key;
};
// Execute, but it stays in the background, and its output goes nowhere.
struct Launch {
  Process process;
};
struct CopyFiles {
  Copy copy;  // Filled in; `destination` is absolute and keeps a slash at its end.
  std::vector<std::string> urls;  // Of an ADD; they are not in `copy.sources`.
  std::string owner;              // "user[:group]"; never empty.
};
// Makes the directory and what is above it, where they are missing.
struct MakeDirectory {
  std::string path;
  std::string owner;
};
// Makes a user with a home and sudo, where there is none of that name.
struct EnsureUser {
  std::string name;
};
// Nothing is to be done in the sandbox: only the state has changed.
using Action = std::variant<std::monostate, Execute, Launch, CopyFiles, MakeDirectory, EnsureUser>;

// The whole environment of a build, and each value in it.
inline constexpr std::size_t kMaxEnvironment = 256 * 1024;
inline constexpr std::size_t kMaxValue = 64 * 1024;

inline constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

class BuildState {
 public:
  // At the beginning of a stage that is based on something from outside, or on nothing. PATH gets
  // its default where the base has none.
  static BuildState begin(const BuildPlan& plan, ImageConfig base);
  // At the beginning of a stage that is based on another, which `earlier` is the end of: its ARGs
  // go on, too.
  static BuildState continue_from(const BuildState& earlier);

  // On an error, which names the line, the state is as it was.
  base::Result<Action> apply(const Instruction& instruction);

  const ImageConfig& config() const { return config_; }
  // What runs when a sandbox is made: entry point and command as one; nothing if there is none.
  std::optional<Process> start_process() const;
  // What one try of the ready check runs; nothing if there is none.
  std::optional<Process> ready_process() const;

 private:
  BuildState() = default;

  base::Result<std::string> expand(std::string_view word) const;
  base::Result<std::string> expand_required(std::string_view word, std::string_view what) const;
  std::vector<std::string> in_shell(const Command& command) const;
  Process process(const Command& command, const Environment& environment) const;

  base::Result<Action> apply_one(const Run& run);
  base::Result<Action> apply_one(const Copy& copy);
  base::Result<Action> apply_one(const Env& env);
  base::Result<Action> apply_one(const Arg& arg);
  base::Result<Action> apply_one(const Workdir& workdir);
  base::Result<Action> apply_one(const User& user);
  base::Result<Action> apply_one(const Start& start);
  base::Result<Action> apply_one(const Entrypoint& entrypoint);
  base::Result<Action> apply_one(const Cmd& cmd);
  base::Result<Action> apply_one(const Expose& expose);
  base::Result<Action> apply_one(const Label& label);
  base::Result<Action> apply_one(const Volume& volume);
  base::Result<Action> apply_one(const Healthcheck& healthcheck);
  base::Result<Action> apply_one(const Shell& shell);
  base::Result<Action> apply_one(const StopSignal& stop_signal);

  Dialect dialect_ = Dialect::kDockerfile;
  char escape_ = '\\';
  Environment build_args_;
  Environment global_args_;
  Environment variables_;    // What can be filled in: those of ENV, and of ARG where it is not set.
  bool cmd_is_own_ = false;  // CMD was set in this stage, not inherited.
  ImageConfig config_;
};

// A command line for people and for shells: each argument quoted where it must be.
std::string command_line(const std::vector<std::string>& argv);

// Without what belongs to one login or one sandbox (HOME, USER, PWD, TERM, ...): what a template
// made from a recipe hands on.
Environment lasting_environment(const Environment& environment);

}  // namespace wrenn::recipe
