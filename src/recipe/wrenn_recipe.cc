#include "recipe/wrenn_recipe.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "recipe/definition_error.h"
#include "recipe/dockerfile.h"
#include "recipe/dockerfile_lines.h"
#include "recipe/duration.h"
#include "recipe/paths.h"
#include "recipe/words.h"

namespace wrenn::recipe {
namespace {

using base::Code;
using base::concat;

struct RecipeLine {
  std::size_t number = 0;
  std::string text;
};

// Takes away the backslash at the end of a line that goes on.
bool goes_on(std::string& line) {
  std::size_t backslashes = 0;
  while (backslashes < line.size() && line[line.size() - 1 - backslashes] == '\\') ++backslashes;
  if (backslashes % 2 == 0) return false;
  line.pop_back();
  return true;
}

// What belongs together; comments and empty lines are left out, between the parts of one, too.
std::vector<RecipeLine> join_lines(std::span<const std::string> lines) {
  std::vector<RecipeLine> out;
  bool more = false;
  std::size_t number = 0;
  for (std::string line : lines) {
    ++number;
    const std::string_view trimmed = base::trim(line);
    if (trimmed.empty() || trimmed.starts_with('#')) continue;
    const bool continues = goes_on(line);
    if (more) {
      out.back().text += line;
    } else {
      out.push_back({number, std::move(line)});
    }
    more = continues;
  }
  return out;
}

base::Result<Operation> parse_run(const RecipeLine& line, std::string_view rest) {
  Run run;
  constexpr std::string_view kFlag = "--timeout=";
  if (rest.starts_with(kFlag)) {
    const FirstWord first = take_word(rest);
    const std::string_view value = first.word.substr(kFlag.size());
    run.timeout = parse_duration(value);
    if (!run.timeout || run.timeout->count() == 0) {
      return refuse_at(line.number, concat("\"", value, "\" is no timeout"),
                       "write it as RUN --timeout=5m COMMAND");
    }
    rest = first.rest;
  }
  if (rest.empty()) return refuse_at(line.number, "RUN has no command", "write one behind it");
  run.command = Command::shell(std::string(rest));
  return run;
}

base::Result<Operation> parse_start(const RecipeLine& line, std::string_view rest) {
  if (rest.empty()) return refuse_at(line.number, "START has no command", "write one behind it");
  return Start{Command::shell(std::string(rest))};
}

base::Result<Operation> parse_env(const RecipeLine& line, std::string_view rest) {
  const std::size_t equals = rest.find('=');
  const std::string_view name = base::trim(rest.substr(0, equals));
  if (equals == std::string_view::npos || name.empty() || std::ranges::any_of(name, is_space)) {
    return refuse_at(
        line.number,
        concat("ENV is not followed by a name and a value: \"", rest.substr(0, 100), "\""),
        "write ENV NAME=VALUE, one on each line");
  }
  return Env{{{std::string(name), std::string(rest.substr(equals + 1))}}};
}

base::Result<Operation> parse_workdir(const RecipeLine& line, std::string_view rest) {
  if (rest.empty()) return refuse_at(line.number, "WORKDIR has no path", "write one behind it");
  return Workdir{std::string(rest)};
}

base::Result<Operation> parse_user(const RecipeLine& line, std::string_view rest) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const bool good = !rest.empty() && rest.size() <= 64 && is_letter(rest.front()) &&
                    std::ranges::all_of(rest, [&](char c) {
                      return is_letter(c) || (c >= '0' && c <= '9') || c == '-';
                    });
  if (!good) {
    return refuse_at(line.number, concat("\"", rest.substr(0, 100), "\" is no name of a user"),
                     "it has letters, digits, _ and -, and begins with a letter or _");
  }
  return User{std::string(rest), User::Missing::kCreate};
}

// Words at white space; one that begins with a quote goes to the next one.
base::Result<std::vector<std::string>> copy_words(const RecipeLine& line, std::string_view rest) {
  std::vector<std::string> out;
  while (!(rest = base::trim(rest)).empty()) {
    const char quote = rest.front();
    const std::size_t end =
        quote == '"' || quote == '\'' ? rest.find(quote, 1) : std::string_view::npos;
    const bool closed =
        end != std::string_view::npos && (end + 1 == rest.size() || is_space(rest[end + 1]));
    if (closed) {
      out.emplace_back(rest.substr(1, end - 1));
      rest.remove_prefix(end + 1);
    } else {
      const FirstWord first = take_word(rest);
      out.emplace_back(first.word);
      rest = first.rest;
    }
    if (out.size() > kMaxWords) {
      return fail_at(line.number, Code::kResourceExhausted, "there are too many sources",
                     "copy their directory");
    }
  }
  return out;
}

base::Result<Operation> parse_copy(const RecipeLine& line, std::string_view rest) {
  WRENN_TRY_ASSIGN(std::vector<std::string> words, copy_words(line, rest));
  if (words.size() < 2) {
    return refuse_at(line.number, "COPY needs a source and a destination",
                     "write COPY SOURCE... DESTINATION");
  }
  Copy copy;
  copy.directories = Copy::Directories::kAsCp;
  copy.destination = std::move(words.back());
  words.pop_back();
  for (const std::string& source : words) {
    const auto parts = base::split(source, '/');
    if (source.empty() || source.starts_with('/') ||
        std::ranges::find(parts, "..") != parts.end()) {
      return refuse_at(line.number, concat("the source \"", source, "\" is not in the context"),
                       "name it from the root of the context, without / at the beginning and ..");
    }
  }
  if (copy.destination.empty()) {
    return refuse_at(line.number, "the destination is empty", "write . for the working directory");
  }
  copy.sources = std::move(words);
  return copy;
}

using Parser = base::Result<Operation> (*)(const RecipeLine&, std::string_view);
constexpr std::array<std::pair<std::string_view, Parser>, 6> kParsers = {{
    {"run", parse_run},
    {"start", parse_start},
    {"env", parse_env},
    {"workdir", parse_workdir},
    {"user", parse_user},
    {"copy", parse_copy},
}};

base::Result<Instruction> parse_line(const RecipeLine& line) {
  if (line.text.size() > kMaxCommand) {
    return fail_at(line.number, Code::kResourceExhausted,
                   concat("the line has more than ", base::human_bytes(kMaxCommand)),
                   "put the command into a file, COPY that and run it");
  }
  const std::string_view text = base::trim(line.text);
  const FirstWord first = take_word(text);
  const std::string keyword = base::to_lower(first.word);
  for (const auto& [name, parser] : kParsers) {
    if (name != keyword) continue;
    WRENN_TRY_ASSIGN(Operation operation, parser(line, first.rest));
    return Instruction{{line.number, std::string(text)}, std::move(operation), Phase::kBuild};
  }
  return refuse_at(line.number, concat("\"", first.word.substr(0, 100), "\" is no instruction"),
                   "a line begins with RUN, START, ENV, WORKDIR, USER or COPY; for others write a "
                   "Dockerfile");
}

Instruction phase_run(Phase phase, std::string command) {
  Run run;
  run.timeout = kPhaseTimeout;
  run.user = "root";
  run.command = Command::shell(std::move(command));
  std::string text = concat("RUN ", run.command.text);
  return {{0, std::move(text)}, std::move(run), phase};
}

std::vector<Instruction> before() {
  const std::string home = concat("/home/", kRecipeUser);
  std::vector<Instruction> out;
  out.push_back(phase_run(Phase::kBefore, "apt-get update"));
  out.push_back({{0, concat("USER ", kRecipeUser)},
                 User{std::string(kRecipeUser), User::Missing::kCreate},
                 Phase::kBefore});
  out.push_back({{0, concat("WORKDIR ", home)}, Workdir{home}, Phase::kBefore});
  return out;
}

std::vector<Instruction> after() {
  std::vector<Instruction> out;
  for (const char* command : {"apt-get clean", "apt-get -y autoremove",
                              "rm -rf /var/lib/apt/lists/*", "rm -rf /tmp/build-files*"}) {
    out.push_back(phase_run(Phase::kAfter, command));
  }
  return out;
}

}  // namespace

base::Result<BuildPlan> parse_recipe(std::span<const std::string> lines,
                                     const RecipeOptions& options) {
  std::size_t size = 0;
  for (const std::string& line : lines) {
    WRENN_TRY(check_definition(line));
    size += line.size() + 1;
  }
  if (size > kMaxDefinition) {
    return base::fail(Code::kResourceExhausted,
                      concat("the recipe has more than ", base::human_bytes(kMaxDefinition)),
                      "put long texts into files and COPY them");
  }
  Stage stage;
  stage.base.name = options.base;
  stage.source.text = concat("FROM ", options.base);
  if (options.phases == Phases::kAround) stage.instructions = before();
  std::size_t count = 0;
  for (const RecipeLine& line : join_lines(lines)) {
    if (++count > kMaxInstructions) {
      return fail_at(line.number, Code::kResourceExhausted,
                     concat("there are more than ", kMaxInstructions, " instructions"),
                     "join some, or build a template in two steps");
    }
    WRENN_TRY_ASSIGN(Instruction instruction, parse_line(line));
    stage.instructions.push_back(std::move(instruction));
  }
  if (count == 0) {
    return base::fail(Code::kInvalidArgument, "the recipe has no instructions",
                      "write at least one, as RUN apt-get install -y git");
  }
  if (options.phases == Phases::kAround)
    std::ranges::move(after(), std::back_inserter(stage.instructions));
  if (!options.ready_check.empty()) {
    WRENN_TRY_ASSIGN(ReadyCheck check, parse_ready_check(options.ready_check));
    const std::string text = concat("HEALTHCHECK ", options.ready_check);
    stage.instructions.push_back({{0, text}, Healthcheck{std::move(check)}, Phase::kAfter});
  }
  BuildPlan plan;
  plan.dialect = Dialect::kRecipe;
  plan.stages.push_back(std::move(stage));
  plan.needed = {0};
  return plan;
}

base::Result<BuildPlan> parse_recipe_text(std::string_view text, const RecipeOptions& options) {
  WRENN_TRY(check_definition(text));
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::vector<std::string> lines;
  for (std::string_view line : base::split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
  }
  return parse_recipe(lines, options);
}

}  // namespace wrenn::recipe
