#include "envd/process/command_spec.h"

#include <unistd.h>

#include <cstdlib>

#include "base/strings.h"

namespace wrenn::envd {
namespace {

using base::Code;

constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

bool has_nul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

// The last one wins.
std::map<std::string, std::string> make_environment(const process::ProcessConfig& config,
                                                    const GuestSettings& settings,
                                                    const User& user) {
  const char* path = std::getenv("PATH");
  std::map<std::string, std::string> env = {
      {"PATH", path != nullptr ? std::string(path) : std::string(kDefaultPath)},
      {"HOME", user.home},
      {"USER", user.name},
      {"LOGNAME", user.name},
  };
  for (const auto& [name, value] : settings.env) env[name] = value;
  for (const auto& [name, value] : config.envs()) env[name] = value;
  return env;
}

base::Result<void> check_config(const process::ProcessConfig& config) {
  if (config.cmd().empty()) return base::fail(Code::kInvalidArgument, "cmd is empty");
  bool nul = has_nul(config.cmd());
  for (const std::string& arg : config.args()) nul = nul || has_nul(arg);
  for (const auto& [name, value] : config.envs()) {
    nul = nul || has_nul(name) || has_nul(value);
    if (name.empty() || name.find('=') != std::string::npos) {
      return base::fail(Code::kInvalidArgument,
                        base::concat("'", name, "' cannot name an environment variable"));
    }
  }
  if (!nul) return {};
  return base::fail(Code::kInvalidArgument, "a command cannot contain a NUL byte");
}

std::vector<std::string> find_candidates(const std::string& cmd, std::string_view path) {
  if (cmd.find('/') != std::string::npos) return {cmd};
  std::vector<std::string> candidates;
  for (const std::string_view directory : base::split(path, ':')) {
    candidates.push_back(base::concat(directory.empty() ? "." : directory, '/', cmd));
  }
  return candidates;
}

}  // namespace

base::Result<SpawnSpec> make_command_spec(const process::ProcessConfig& config,
                                          const GuestSettings& settings, const Actor& actor) {
  WRENN_TRY(check_config(config));
  const auto env = make_environment(config, settings, actor.user);
  SpawnSpec spec;
  spec.program_candidates = find_candidates(config.cmd(), env.at("PATH"));
  spec.argv.push_back(config.cmd());
  spec.argv.insert(spec.argv.end(), config.args().begin(), config.args().end());
  for (const auto& [name, value] : env) spec.env.push_back(base::concat(name, '=', value));
  WRENN_TRY_ASSIGN(const base::Path directory, actor.resolve(config.cwd()));
  spec.directory = directory.native();
  // Nobody chose a home that is missing, so it is no reason to refuse.
  const bool is_chosen = !config.cwd().empty() || !settings.default_workdir.empty();
  if (!is_chosen && ::access(spec.directory.c_str(), F_OK) != 0) spec.directory = "/";
  spec.uid = actor.user.uid;
  spec.gid = actor.user.gid;
  spec.groups = actor.groups;
  return spec;
}

}  // namespace wrenn::envd
