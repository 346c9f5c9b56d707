#include "recipe/build_state.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"
#include "recipe/definition_error.h"
#include "recipe/dockerfile_copy.h"
#include "recipe/expand.h"
#include "recipe/paths.h"
#include "recipe/predefined_args.h"
#include "recipe/words.h"

namespace wrenn::recipe {
namespace {

using base::Code;
using base::concat;
using base::fail;

bool is_account_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || name.front() == '-' || name.front() == '.') return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-.").contains(c);
  });
}

// "user" or "user:group".
base::Result<void> check_account(std::string_view account) {
  const std::size_t colon = account.find(':');
  if (is_account_name(account.substr(0, colon)) &&
      (colon == std::string_view::npos || is_account_name(account.substr(colon + 1)))) {
    return {};
  }
  return fail(Code::kInvalidArgument, concat("\"", account, "\" is no user"),
              "write a name or a number, and a group behind a colon if there is need: app:staff");
}

std::string home_of(std::string_view user) {
  return user == "root" ? "/root" : concat("/home/", user);
}

std::vector<std::string> appended(std::vector<std::string> argv, const std::string& text) {
  argv.push_back(text);
  return argv;
}

base::Result<std::uint16_t> parse_port(std::string_view text) {
  const auto port = base::parse_int<std::uint16_t>(text);
  if (port && *port > 0) return *port;
  return fail(Code::kInvalidArgument, concat("\"", text, "\" is no port"),
              "write a number from 1 to 65535, and /tcp or /udp behind it if there is need");
}

// "8080", "53/udp", "8000-8010" as "8080/tcp", ...
base::Result<std::string> parse_exposed(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string protocol =
      slash == std::string_view::npos ? "tcp" : base::to_lower(text.substr(slash + 1));
  if (protocol != "tcp" && protocol != "udp" && protocol != "sctp") {
    return fail(Code::kInvalidArgument, concat("\"", protocol, "\" is no protocol"),
                "write tcp or udp behind the port");
  }
  const std::string_view ports = text.substr(0, slash);
  const std::size_t dash = ports.find('-');
  WRENN_TRY_ASSIGN(const std::uint16_t first, parse_port(ports.substr(0, dash)));
  if (dash == std::string_view::npos) return concat(first, "/", protocol);
  WRENN_TRY_ASSIGN(const std::uint16_t last, parse_port(ports.substr(dash + 1)));
  if (last < first) {
    return fail(Code::kInvalidArgument, concat("\"", ports, "\" is no range of ports"),
                "write the smaller port first");
  }
  return concat(first, "-", last, "/", protocol);
}

base::Result<void> check_environment(const Environment& environment) {
  std::size_t size = 0;
  for (const auto& [name, value] : environment) size += name.size() + value.size() + 2;
  if (size <= kMaxEnvironment) return {};
  return fail(Code::kResourceExhausted,
              concat("the environment has more than ", base::human_bytes(kMaxEnvironment)),
              "put long values into files");
}

base::Result<void> check_checksum(const CopyFiles& files) {
  if (files.copy.checksum.empty()) return {};
  const std::string_view checksum = files.copy.checksum;
  const auto digest =
      checksum.starts_with("sha256:") ? base::from_hex(checksum.substr(7)) : std::nullopt;
  if (!digest || digest->size() != 32) {
    return fail(Code::kInvalidArgument, concat("--checksum=", checksum, " is no checksum"),
                "write sha256: and 64 hexadecimal digits");
  }
  if (files.urls.size() != 1 || !files.copy.sources.empty() || !files.copy.files.empty()) {
    return fail(Code::kInvalidArgument, "--checksum is about one URL, and this is not one",
                "write an ADD of its own for the URL, and leave out --checksum for files");
  }
  return {};
}

// Whether a destination is to be a directory, whatever is there.
bool names_directory(std::string_view destination) {
  return destination.ends_with('/') || destination == "." || destination == ".." ||
         destination.ends_with("/.") || destination.ends_with("/..");
}

}  // namespace

BuildState BuildState::begin(const BuildPlan& plan, ImageConfig base) {
  BuildState state;
  state.dialect_ = plan.dialect;
  state.escape_ = plan.escape;
  state.build_args_ = plan.build_args;
  state.global_args_ = plan.global_args;
  state.config_ = std::move(base);
  state.config_.environment.try_emplace("PATH", kDefaultPath);
  if (state.config_.workdir.empty()) state.config_.workdir = "/";
  state.variables_ = state.config_.environment;
  return state;
}

BuildState BuildState::continue_from(const BuildState& earlier) {
  BuildState state = earlier;
  state.cmd_is_own_ = false;
  return state;
}

base::Result<Action> BuildState::apply(const Instruction& instruction) {
  auto action = std::visit([this](const auto& operation) { return apply_one(operation); },
                           instruction.operation);
  if (action) return action;
  return std::unexpected(
      std::move(action).error().with_context(concat("line ", instruction.source.line)));
}

base::Result<std::string> BuildState::expand(std::string_view word) const {
  if (dialect_ == Dialect::kRecipe) return std::string(word);
  return expand_word(word, variables_, {.escape = escape_, .longest = kMaxValue});
}

base::Result<std::string> BuildState::expand_required(std::string_view word,
                                                      std::string_view what) const {
  WRENN_TRY_ASSIGN(std::string value, expand(word));
  if (!value.empty()) return value;
  return fail(Code::kInvalidArgument, concat("the ", what, " \"", word, "\" comes to nothing"),
              "give the variable a value with ARG, ENV or --build-arg");
}

std::vector<std::string> BuildState::in_shell(const Command& command) const {
  if (!command.argv.empty()) return command.argv;
  if (config_.shell.empty()) return {"/bin/sh", "-c", command.text};
  return appended(config_.shell, command.text);
}

Process BuildState::process(const Command& command, const Environment& environment) const {
  return {in_shell(command), environment, config_.workdir,
          config_.user.empty() ? "root" : config_.user};
}

base::Result<Action> BuildState::apply_one(const Run& run) {
  Execute out;
  out.process = process(run.command, variables_);
  out.timeout = run.timeout;
  out.script = run.script;
  if (run.script) out.process.argv = {std::string(kScriptPath)};
  for (const std::string_view name : kProxyArgs) {
    const auto given = build_args_.find(std::string(name));
    if (given == build_args_.end()) continue;
    if (out.process.environment.insert(*given).second) out.not_in_key.insert(given->first);
  }
  if (run.user) {
    out.process.user = *run.user;
    if (dialect_ == Dialect::kRecipe) out.process.environment["HOME"] = home_of(*run.user);
  }
  return out;
}

base::Result<Action> BuildState::apply_one(const Copy& copy) {
  CopyFiles out;
  out.copy = copy;
  out.copy.sources.clear();
  for (const std::string& source : copy.sources) {
    WRENN_TRY_ASSIGN(std::string value, expand_required(source, "source"));
    if (copy.kind == Copy::Kind::kAdd) WRENN_TRY(refuse_git(value));
    auto& list = copy.kind == Copy::Kind::kAdd && is_url(value) ? out.urls : out.copy.sources;
    list.push_back(std::move(value));
  }
  for (Copy::InlineFile& file : out.copy.files) {
    if (!file.expand) continue;
    WRENN_TRY_ASSIGN(file.content, expand_word(file.content, variables_,
                                               {.escape = escape_,
                                                .quotes = ExpandOptions::Quotes::kKept,
                                                .longest = std::size_t{4} << 20}));
    file.expand = false;
  }
  WRENN_TRY_ASSIGN(const std::string destination, expand_required(copy.destination, "destination"));
  out.copy.destination = join_path(config_.workdir, destination);
  const std::size_t sources = out.copy.sources.size() + out.urls.size() + out.copy.files.size();
  const bool as_cp = copy.directories == Copy::Directories::kAsCp;
  if (names_directory(destination) || (as_cp && sources > 1)) {
    if (!out.copy.destination.ends_with('/')) out.copy.destination += '/';
  } else if (sources > 1) {
    return fail(
        Code::kInvalidArgument,
        concat("several sources go to \"", destination, "\", which does not end in a slash"),
        concat("write ", destination, "/"));
  }
  WRENN_TRY_ASSIGN(out.copy.chown, expand(copy.chown));
  WRENN_TRY_ASSIGN(out.copy.chmod, expand(copy.chmod));
  WRENN_TRY_ASSIGN(out.copy.checksum, expand(copy.checksum));
  if (!out.copy.chown.empty()) WRENN_TRY(check_account(out.copy.chown));
  if (!out.copy.chmod.empty() && !is_octal_mode(out.copy.chmod)) {
    return fail(Code::kInvalidArgument, concat("--chmod=", out.copy.chmod, " is no mode"),
                "write it in octal, as 755 or 0644");
  }
  WRENN_TRY(check_checksum(out));
  if (!out.copy.chown.empty()) {
    out.owner = out.copy.chown;
  } else if (as_cp && !config_.user.empty()) {
    out.owner = config_.user;
  } else {
    out.owner = "0:0";
  }
  return out;
}

base::Result<Action> BuildState::apply_one(const Env& env) {
  Environment environment = config_.environment;
  std::vector<Pair> pairs;
  for (const auto& [name, value] : env.pairs) {
    Pair pair;
    if (dialect_ == Dialect::kRecipe) {
      pair.first = name;
      WRENN_TRY_ASSIGN(pair.second, expand_recipe_value(value, variables_, kMaxValue));
    } else {
      WRENN_TRY_ASSIGN(pair.first, expand_required(name, "name"));
      WRENN_TRY_ASSIGN(pair.second, expand(value));
    }
    if (pair.first.contains('=')) {
      return fail(Code::kInvalidArgument, concat("the name \"", pair.first, "\" has a \"=\" in it"),
                  "choose another name");
    }
    environment[pair.first] = pair.second;
    pairs.push_back(std::move(pair));
  }
  WRENN_TRY(check_environment(environment));
  config_.environment = std::move(environment);
  for (auto& [name, value] : pairs) variables_[name] = std::move(value);
  return std::monostate{};
}

base::Result<Action> BuildState::apply_one(const Arg& arg) {
  Environment values;
  for (const Arg::Item& item : arg.items) {
    WRENN_TRY_ASSIGN(const std::string name, expand_required(item.name, "name"));
    const auto given = build_args_.find(name);
    const auto global = global_args_.find(name);
    if (given != build_args_.end()) {
      values[name] = given->second;
    } else if (item.value) {
      WRENN_TRY_ASSIGN(values[name], expand(*item.value));
    } else if (global != global_args_.end()) {
      values[name] = global->second;
    }
  }
  // ENV goes before ARG, wherever they stand.
  Environment variables = variables_;
  for (auto& [name, value] : values) {
    if (!config_.environment.contains(name)) variables[name] = std::move(value);
  }
  WRENN_TRY(check_environment(variables));
  variables_ = std::move(variables);
  return std::monostate{};
}

base::Result<Action> BuildState::apply_one(const Workdir& workdir) {
  WRENN_TRY_ASSIGN(const std::string path, expand_required(workdir.path, "path"));
  std::string directory = join_path(config_.workdir, path);
  if (directory.size() > kMaxPath) {
    return fail(Code::kInvalidArgument, concat("the path is longer than ", kMaxPath, " bytes"),
                "choose a shorter one");
  }
  config_.workdir = directory;
  const bool is_ours = dialect_ == Dialect::kRecipe || config_.user.empty();
  return MakeDirectory{std::move(directory), is_ours ? "root" : config_.user};
}

base::Result<Action> BuildState::apply_one(const User& user) {
  WRENN_TRY_ASSIGN(std::string name, expand_required(user.name, "user"));
  WRENN_TRY(check_account(name));
  config_.user = name;
  if (dialect_ != Dialect::kRecipe) return std::monostate{};
  config_.environment["HOME"] = home_of(name);
  variables_["HOME"] = home_of(name);
  if (user.missing == User::Missing::kFail || name == "root") return std::monostate{};
  return EnsureUser{std::move(name)};
}

base::Result<Action> BuildState::apply_one(const Start& start) {
  return Launch{process(start.command, variables_)};
}

base::Result<Action> BuildState::apply_one(const Entrypoint& entrypoint) {
  // Docker takes the shell of the moment, not of the end.
  Command command = entrypoint.command;
  const bool is_empty = command.form == Command::Form::kExec && command.argv.empty();
  if (!is_empty) command.argv = in_shell(command);
  config_.entrypoint = is_empty ? std::nullopt : std::optional(std::move(command));
  if (!cmd_is_own_) config_.cmd.reset();
  return std::monostate{};
}

base::Result<Action> BuildState::apply_one(const Cmd& cmd) {
  Command command = cmd.command;
  const bool is_empty = command.form == Command::Form::kExec && command.argv.empty();
  if (!is_empty) command.argv = in_shell(command);
  config_.cmd = is_empty ? std::nullopt : std::optional(std::move(command));
  cmd_is_own_ = true;
  return std::monostate{};
}

base::Result<Action> BuildState::apply_one(const Expose& expose) {
  std::set<std::string> ports = config_.exposed;
  for (const std::string& word : expose.ports) {
    WRENN_TRY_ASSIGN(const std::string value, expand(word));
    for (const std::string& port : split_at_space(value)) {
      WRENN_TRY_ASSIGN(std::string exposed, parse_exposed(port));
      ports.insert(std::move(exposed));
    }
  }
  config_.exposed = std::move(ports);
  return std::monostate{};
}

base::Result<Action> BuildState::apply_one(const Label& label) {
  std::map<std::string, std::string> labels = config_.labels;
  for (const auto& [name, value] : label.pairs) {
    WRENN_TRY_ASSIGN(const std::string key, expand_required(name, "name"));
    WRENN_TRY_ASSIGN(labels[key], expand(value));
  }
  WRENN_TRY(check_environment(labels));
  config_.labels = std::move(labels);
  return std::monostate{};
}

base::Result<Action> BuildState::apply_one(const Volume& volume) {
  std::set<std::string> paths = config_.volumes;
  for (const std::string& word : volume.paths) {
    WRENN_TRY_ASSIGN(const std::string path, expand_required(word, "path"));
    paths.insert(join_path("/", path));
  }
  config_.volumes = std::move(paths);
  return std::monostate{};
}

base::Result<Action> BuildState::apply_one(const Healthcheck& healthcheck) {
  config_.ready_check = healthcheck.check;
  return std::monostate{};
}

base::Result<Action> BuildState::apply_one(const Shell& shell) {
  config_.shell = shell.argv;
  return std::monostate{};
}

base::Result<Action> BuildState::apply_one(const StopSignal& stop_signal) {
  WRENN_TRY_ASSIGN(std::string signal, expand_required(stop_signal.signal, "signal"));
  const bool is_name = std::ranges::all_of(signal, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("+-").contains(c);
  });
  if (!is_name) {
    return fail(Code::kInvalidArgument, concat("\"", signal, "\" is no signal"),
                "write it as SIGTERM or 15");
  }
  config_.stop_signal = std::move(signal);
  return std::monostate{};
}

std::optional<Process> BuildState::start_process() const {
  if (!config_.entrypoint && !config_.cmd) return std::nullopt;
  if (!config_.entrypoint) return process(*config_.cmd, config_.environment);
  Process out = process(*config_.entrypoint, config_.environment);
  // A shell would not hand the arguments on.
  if (config_.entrypoint->form == Command::Form::kShell || !config_.cmd) return out;
  for (const std::string& word : in_shell(*config_.cmd)) out.argv.push_back(word);
  return out;
}

std::optional<Process> BuildState::ready_process() const {
  if (!config_.ready_check) return std::nullopt;
  return process(config_.ready_check->command, config_.environment);
}

std::string command_line(const std::vector<std::string>& argv) {
  std::string out;
  for (const std::string& word : argv) {
    if (!out.empty()) out += ' ';
    out += base::shell_quote(word);
  }
  return out;
}

Environment lasting_environment(const Environment& environment) {
  constexpr std::array<std::string_view, 12> kPassing = {
      "HOME",  "USER",   "LOGNAME",          "SHELL",
      "PWD",   "OLDPWD", "HOSTNAME",         "TERM",
      "SHLVL", "_",      "WRENN_SANDBOX_ID", "WRENN_TEMPLATE_ID"};
  Environment out = environment;
  std::erase_if(out, [&kPassing](const auto& variable) {
    return std::ranges::find(kPassing, variable.first) != kPassing.end();
  });
  return out;
}

}  // namespace wrenn::recipe
