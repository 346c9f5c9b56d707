#include "recipe/dockerfile_instructions.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"
#include "recipe/definition_error.h"
#include "recipe/dockerfile.h"
#include "recipe/dockerfile_copy.h"
#include "recipe/duration.h"
#include "recipe/exec_form.h"
#include "recipe/expand.h"

namespace wrenn::recipe {
namespace {

using base::Code;
using base::concat;

// What the parsers of all instructions are given.
struct Input {
  const InstructionText& text;
  std::string keyword;  // Upper case.
  std::string_view arguments;
  InstructionContext& context;

  std::size_t line() const { return text.line; }
  void warn(std::string message) const {
    context.warnings.push_back({text.line, std::move(message)});
  }
  base::Result<void> check(std::string_view word) const {
    auto result = check_word(word, {.escape = context.escape});
    if (!result) {
      return std::unexpected(std::move(result).error().with_context(concat("line ", text.line)));
    }
    return {};
  }
};

base::Result<void> check_command_size(std::size_t line, std::size_t size) {
  if (size <= kMaxCommand) return {};
  return fail_at(line, Code::kResourceExhausted,
                 concat("the command has more than ", base::human_bytes(kMaxCommand)),
                 "put it into a file, COPY that and run it");
}

base::Result<Command> parse_command(const Input& input, std::string_view text) {
  WRENN_TRY(check_command_size(input.line(), text.size()));
  if (auto argv = parse_exec_form(text)) return Command::exec(std::move(*argv));
  if (text.starts_with('[') && text.ends_with(']')) {
    input.warn("this looks like the exec form, but is not JSON: it goes to the shell as it is");
  }
  return Command::shell(std::string(text));
}

base::Result<void> refuse_mounts(const Input& input, const FlagSet& flags) {
  for (const std::string& mount : flags.values("mount")) {
    return fail_at(input.line(), Code::kUnimplemented,
                   concat("RUN --mount=", mount, " is not supported"),
                   "leave the mount out: steps are cached as layers, files come with COPY; never "
                   "write a secret into a layer");
  }
  const auto network = flags.value("network");
  if (network && *network != "default") {
    return fail_at(input.line(), Code::kUnimplemented,
                   concat("RUN --network=", *network, " is not supported"), "leave it out");
  }
  const auto security = flags.value("security");
  if (security && *security != "sandbox") {
    return fail_at(input.line(), Code::kUnimplemented,
                   concat("RUN --security=", *security, " is not supported"),
                   "leave it out: a build has a virtual machine of its own anyway");
  }
  return {};
}

// The commands of here-documents: one that stands alone is a script, others are the shell's.
base::Result<Run> run_documents(const Input& input, std::string_view rest) {
  const auto& documents = input.text.documents;
  Run run;
  if (documents.size() == 1 && rest == documents[0].word) {
    if (documents[0].content.starts_with("#!")) {
      run.script = documents[0].content;
    } else {
      run.command = Command::shell(documents[0].content);
    }
    if (base::trim(documents[0].content).empty()) {
      return refuse_at(input.line(), "the here-document of RUN is empty", "write commands in it");
    }
  } else {
    std::string whole = concat(rest, "\n");
    for (const HereDocument& document : documents) whole += document.raw;
    run.command = Command::shell(std::move(whole));
  }
  WRENN_TRY(check_command_size(input.line(), run.command.text.size()));
  return run;
}

base::Result<Operation> parse_run(const Input& input) {
  WRENN_TRY_ASSIGN(const FlagSet flags,
                   FlagSet::take(input.line(), "RUN", input.arguments, input.context.escape,
                                 {"mount", "network", "security", "timeout"}, {"mount"}));
  WRENN_TRY(refuse_mounts(input, flags));
  Run run;
  if (!input.text.documents.empty()) {
    WRENN_TRY_ASSIGN(run, run_documents(input, flags.rest()));
  } else {
    WRENN_TRY_ASSIGN(run.command, parse_command(input, flags.rest()));
    const bool empty = run.command.form == Command::Form::kExec ? run.command.argv.empty()
                                                                : run.command.text.empty();
    if (empty) return refuse_at(input.line(), "RUN has no command", "write one behind it");
  }
  if (const auto timeout = flags.value("timeout")) {
    run.timeout = parse_duration(*timeout);
    if (!run.timeout || run.timeout->count() == 0) {
      return refuse_at(input.line(), concat("\"", *timeout, "\" is no timeout"),
                       "write it as 90s, 5m or 1h30m");
    }
  }
  return run;
}

// "A=1 B='x y'" or the old "A the rest" with one name.
base::Result<std::vector<Pair>> parse_pairs(const Input& input) {
  const std::vector<std::string> words = split_words(input.arguments, input.context.escape);
  if (words.empty()) {
    return refuse_at(input.line(), concat(input.keyword, " has no name and no value"),
                     concat("write ", input.keyword, " NAME=VALUE"));
  }
  if (words.size() > kMaxWords) {
    return fail_at(input.line(), Code::kResourceExhausted, "there are too many words",
                   concat("write several ", input.keyword, " instructions"));
  }
  std::vector<Pair> out;
  if (!words[0].contains('=')) {
    const FirstWord first = take_word(input.arguments);
    if (first.rest.empty()) {
      return refuse_at(input.line(), concat(input.keyword, " ", first.word, " has no value"),
                       concat("write ", input.keyword, " ", first.word, "=VALUE"));
    }
    out.emplace_back(first.word, first.rest);
  } else {
    for (const std::string& word : words) {
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos) {
        return refuse_at(input.line(), concat("\"", word, "\" has no \"=\""),
                         "write NAME=VALUE, with quotes around a value that has spaces");
      }
      out.emplace_back(word.substr(0, equals), word.substr(equals + 1));
    }
  }
  for (const auto& [name, value] : out) {
    if (name.empty()) {
      return refuse_at(input.line(), concat(input.keyword, " has a value without a name"),
                       "write NAME=VALUE");
    }
    WRENN_TRY(input.check(name));
    WRENN_TRY(input.check(value));
  }
  return out;
}

base::Result<Operation> parse_env(const Input& input) {
  WRENN_TRY_ASSIGN(auto pairs, parse_pairs(input));
  return Env{std::move(pairs)};
}

base::Result<Operation> parse_label(const Input& input) {
  WRENN_TRY_ASSIGN(auto pairs, parse_pairs(input));
  return Label{std::move(pairs)};
}

// All of the arguments as one.
base::Result<std::string> parse_one(const Input& input, std::string_view what) {
  if (input.arguments.empty()) {
    return refuse_at(input.line(), concat(input.keyword, " has no ", what), "write it behind it");
  }
  WRENN_TRY(input.check(input.arguments));
  return std::string(input.arguments);
}

base::Result<Operation> parse_workdir(const Input& input) {
  WRENN_TRY_ASSIGN(auto path, parse_one(input, "path"));
  return Workdir{std::move(path)};
}

base::Result<Operation> parse_user(const Input& input) {
  WRENN_TRY_ASSIGN(auto name, parse_one(input, "name"));
  return User{std::move(name), User::Missing::kFail};
}

base::Result<Operation> parse_stop_signal(const Input& input) {
  WRENN_TRY_ASSIGN(auto signal, parse_one(input, "signal"));
  return StopSignal{std::move(signal)};
}

base::Result<Operation> parse_entrypoint(const Input& input) {
  WRENN_TRY_ASSIGN(auto command, parse_command(input, input.arguments));
  // Nothing at all takes back what the base says, as [] does.
  if (command.form == Command::Form::kShell && command.text.empty()) command = Command::exec({});
  return Entrypoint{std::move(command)};
}

base::Result<Operation> parse_cmd(const Input& input) {
  WRENN_TRY_ASSIGN(auto command, parse_command(input, input.arguments));
  if (command.form == Command::Form::kShell && command.text.empty()) command = Command::exec({});
  return Cmd{std::move(command)};
}

base::Result<std::vector<std::string>> parse_list(const Input& input,
                                                  std::vector<std::string> words) {
  if (words.empty()) {
    return refuse_at(input.line(), concat(input.keyword, " has no argument"),
                     "write one behind it");
  }
  if (words.size() > kMaxWords) {
    return fail_at(input.line(), Code::kResourceExhausted, "there are too many words",
                   concat("write several ", input.keyword, " instructions"));
  }
  for (const std::string& word : words) WRENN_TRY(input.check(word));
  return words;
}

base::Result<Operation> parse_expose(const Input& input) {
  WRENN_TRY_ASSIGN(auto ports, parse_list(input, split_at_space(input.arguments)));
  return Expose{std::move(ports)};
}

base::Result<Operation> parse_volume(const Input& input) {
  auto words = parse_exec_form(input.arguments);
  if (!words) words = split_at_space(input.arguments);
  WRENN_TRY_ASSIGN(auto paths, parse_list(input, std::move(*words)));
  input.warn("VOLUME has no effect: all of a sandbox's disk is kept with it");
  return Volume{std::move(paths)};
}

base::Result<Operation> parse_shell(const Input& input) {
  auto argv = parse_exec_form(input.arguments);
  if (!argv || argv->empty()) {
    return refuse_at(input.line(), "SHELL is not a list of arguments in JSON",
                     "write it as SHELL [\"/bin/bash\", \"-c\"]");
  }
  return Shell{std::move(*argv)};
}

base::Result<Duration> health_duration(const Input& input, const FlagSet& flags,
                                       std::string_view name, Duration otherwise) {
  const auto text = flags.value(name);
  if (!text) return otherwise;
  const auto value = parse_duration(*text);
  if (!value || (value->count() != 0 && *value < std::chrono::milliseconds(1))) {
    return refuse_at(input.line(), concat("--", name, "=", *text, " is no duration"),
                     "write it as 500ms, 90s or 5m, at least 1ms");
  }
  return value->count() == 0 ? otherwise : *value;
}

// A build waits for the first success. Docker looks as rarely as `interval` says, since it never
// stops looking; here the smaller of interval and start interval is what one waits between tries,
// and the moment Docker calls it unhealthy is the deadline.
base::Result<ReadyCheck> health_times(const Input& input, const FlagSet& flags) {
  using std::chrono::seconds;
  WRENN_TRY_ASSIGN(const Duration interval, health_duration(input, flags, "interval", seconds(30)));
  WRENN_TRY_ASSIGN(const Duration start_interval,
                   health_duration(input, flags, "start-interval", seconds(5)));
  ReadyCheck check;
  WRENN_TRY_ASSIGN(check.timeout, health_duration(input, flags, "timeout", seconds(30)));
  WRENN_TRY_ASSIGN(check.start_period, health_duration(input, flags, "start-period", seconds(0)));
  unsigned retries = 3;
  if (const auto text = flags.value("retries")) {
    const auto value = base::parse_int<unsigned>(*text);
    if (!value || *value > 1000) {
      return refuse_at(input.line(), concat("--retries=", *text, " is no number of retries"),
                       "it is from 1 to 1000");
    }
    if (*value > 0) retries = *value;
  }
  check.interval = std::min(interval, start_interval);
  check.retries = 0;
  check.deadline = std::min<Duration>(
      check.start_period +
          (retries + 1) * std::min<Duration>(interval + check.timeout, std::chrono::hours(1)),
      std::chrono::hours(24));
  return check;
}

base::Result<Operation> parse_healthcheck(const Input& input) {
  WRENN_TRY_ASSIGN(
      const FlagSet flags,
      FlagSet::take(input.line(), "HEALTHCHECK", input.arguments, input.context.escape,
                    {"interval", "timeout", "start-period", "start-interval", "retries"}));
  const FirstWord type = take_word(flags.rest());
  if (base::equal_ignore_case(type.word, "NONE")) {
    if (!type.rest.empty()) {
      return refuse_at(input.line(), "HEALTHCHECK NONE takes no arguments", "remove them");
    }
    return Healthcheck{};
  }
  if (!base::equal_ignore_case(type.word, "CMD")) {
    return refuse_at(input.line(),
                     concat("HEALTHCHECK is neither CMD nor NONE: \"", type.word, "\""),
                     "write HEALTHCHECK CMD and the command, or HEALTHCHECK NONE");
  }
  WRENN_TRY_ASSIGN(ReadyCheck check, health_times(input, flags));
  WRENN_TRY_ASSIGN(check.command, parse_command(input, type.rest));
  if (check.command == Command::shell("") || check.command == Command::exec({})) {
    return refuse_at(input.line(), "HEALTHCHECK CMD has no command", "write one behind it");
  }
  return Healthcheck{std::move(check)};
}

base::Result<Operation> parse_arg_instruction(const Input& input) {
  WRENN_TRY_ASSIGN(auto arg, parse_arg(input.line(), input.arguments, input.context.escape));
  return arg;
}

base::Result<Operation> parse_copy_instruction(const Input& input) {
  const auto kind = input.keyword == "ADD" ? Copy::Kind::kAdd : Copy::Kind::kCopy;
  WRENN_TRY_ASSIGN(auto copy, parse_copy(input.text, input.arguments, kind, input.context));
  return copy;
}

using Parser = base::Result<Operation> (*)(const Input&);
constexpr std::array<std::pair<std::string_view, Parser>, 15> kParsers = {{
    {"ADD", parse_copy_instruction},
    {"ARG", parse_arg_instruction},
    {"CMD", parse_cmd},
    {"COPY", parse_copy_instruction},
    {"ENTRYPOINT", parse_entrypoint},
    {"ENV", parse_env},
    {"EXPOSE", parse_expose},
    {"HEALTHCHECK", parse_healthcheck},
    {"LABEL", parse_label},
    {"RUN", parse_run},
    {"SHELL", parse_shell},
    {"STOPSIGNAL", parse_stop_signal},
    {"USER", parse_user},
    {"VOLUME", parse_volume},
    {"WORKDIR", parse_workdir},
}};

}  // namespace

base::Result<FlagSet> FlagSet::take(std::size_t line, std::string_view keyword,
                                    std::string_view arguments, char escape,
                                    const std::vector<std::string_view>& known,
                                    const std::vector<std::string_view>& repeatable) {
  const FlagsAndRest taken = take_flags(arguments, escape);
  FlagSet out;
  out.line_ = line;
  out.rest_ = taken.rest;
  for (const Flag& flag : taken.flags) {
    if (std::ranges::find(known, flag.name) == known.end()) {
      std::string list;
      for (const std::string_view name : known) list += concat(list.empty() ? "--" : ", --", name);
      return refuse_at(line, concat(keyword, " does not know --", flag.name),
                       concat("it knows ", list));
    }
    const bool again = std::ranges::any_of(
        out.flags_, [&flag](const Flag& other) { return other.name == flag.name; });
    if (again && std::ranges::find(repeatable, flag.name) == repeatable.end()) {
      return refuse_at(line, concat("--", flag.name, " stands there twice"), "remove one of them");
    }
    out.flags_.push_back(flag);
  }
  return out;
}

std::optional<std::string> FlagSet::value(std::string_view name) const {
  for (const Flag& flag : flags_) {
    if (flag.name == name) return flag.value;
  }
  return std::nullopt;
}

std::vector<std::string> FlagSet::values(std::string_view name) const {
  std::vector<std::string> out;
  for (const Flag& flag : flags_) {
    if (flag.name == name) out.push_back(flag.value);
  }
  return out;
}

base::Result<bool> FlagSet::is_set(std::string_view name, bool otherwise) const {
  for (const Flag& flag : flags_) {
    if (flag.name != name) continue;
    if (!flag.has_value || flag.value == "true" || flag.value == "1") return true;
    if (flag.value == "false" || flag.value == "0") return false;
    return refuse_at(line_, concat("--", name, "=", flag.value, " is neither true nor false"),
                     concat("write --", name, " or leave it out"));
  }
  return otherwise;
}

base::Result<Arg> parse_arg(std::size_t line, std::string_view arguments, char escape) {
  Arg out;
  for (const std::string& word : split_words(arguments, escape)) {
    const std::size_t equals = word.find('=');
    Arg::Item item;
    item.name = word.substr(0, equals);
    if (equals != std::string::npos) item.value = word.substr(equals + 1);
    if (item.name.empty()) {
      return refuse_at(line, concat("\"", word, "\" has no name"), "write ARG NAME=DEFAULT");
    }
    for (const std::string& part : {item.name, item.value.value_or("")}) {
      auto result = check_word(part, {.escape = escape});
      if (!result) {
        return std::unexpected(std::move(result).error().with_context(concat("line ", line)));
      }
    }
    out.items.push_back(std::move(item));
  }
  if (out.items.empty()) return refuse_at(line, "ARG has no name", "write ARG NAME=DEFAULT");
  if (out.items.size() > kMaxWords) {
    return fail_at(line, Code::kResourceExhausted, "there are too many words",
                   "write several ARG instructions");
  }
  return out;
}

base::Result<std::optional<Operation>> parse_instruction(const InstructionText& text,
                                                         InstructionContext& context) {
  const FirstWord first = take_word(text.text);
  std::string keyword(first.word);
  for (char& c : keyword) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  const Input input{text, keyword, first.rest, context};
  for (const auto& [name, parser] : kParsers) {
    if (name != keyword) continue;
    WRENN_TRY_ASSIGN(auto operation, parser(input));
    return operation;
  }
  if (keyword == "MAINTAINER") {
    input.warn("MAINTAINER has no effect: write LABEL maintainer=... instead");
    return std::nullopt;
  }
  if (keyword == "ONBUILD") {
    return fail_at(text.line, Code::kUnimplemented, "ONBUILD is not supported",
                   "write the instruction into the Dockerfiles that build on this one");
  }
  return refuse_at(text.line, concat("\"", first.word, "\" is no instruction"),
                   "an instruction begins with FROM, RUN, COPY, ADD, ENV, ARG, WORKDIR, USER, "
                   "ENTRYPOINT, CMD, EXPOSE, LABEL, HEALTHCHECK, SHELL, STOPSIGNAL or VOLUME; a "
                   "line that belongs to the one above must follow one that ends in \\");
}

}  // namespace wrenn::recipe
