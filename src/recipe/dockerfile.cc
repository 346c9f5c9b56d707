#include "recipe/dockerfile.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/strings.h"
#include "recipe/definition_error.h"
#include "recipe/dockerfile_instructions.h"
#include "recipe/dockerfile_lines.h"
#include "recipe/expand.h"
#include "recipe/predefined_args.h"
#include "recipe/words.h"

namespace wrenn::recipe {
namespace {

using base::Code;
using base::concat;

constexpr std::string_view kPlatform = "linux/amd64";

bool is_from(const InstructionText& text) {
  return base::equal_ignore_case(take_word(text.text).word, "FROM");
}
bool is_arg(const InstructionText& text) {
  return base::equal_ignore_case(take_word(text.text).word, "ARG");
}

// "[a-z][a-z0-9-_.]*"
bool is_stage_name(std::string_view name) {
  if (name.empty() || name.size() > 128 || name.front() < 'a' || name.front() > 'z') return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || std::string_view("-_.").contains(c);
  });
}

class Planner {
 public:
  Planner(DefinitionText text, const BuildOptions& options)
      : text_(std::move(text)), options_(options), escape_(text_.escape) {
    plan_.escape = escape_;
    plan_.build_args = options.build_args;
    plan_.global_args = platform_args();
    plan_.warnings = std::move(text_.warnings);
  }

  base::Result<BuildPlan> plan() {
    for (const InstructionText& text : text_.instructions) {
      if (is_from(text)) {
        WRENN_TRY(begin_stage(text));
      } else if (!plan_.stages.empty()) {
        WRENN_TRY(add(text));
      } else if (is_arg(text)) {
        WRENN_TRY(add_global_arg(text));
      } else {
        return refuse_at(text.line,
                         concat(take_word(text.text).word, " stands before the first FROM"),
                         "begin with FROM and the template to build on");
      }
    }
    if (plan_.stages.empty()) {
      return base::fail(Code::kInvalidArgument, "the Dockerfile has no FROM",
                        "begin with FROM and the template to build on, as FROM minimal");
    }
    WRENN_TRY(check_copies());
    WRENN_TRY(find_target());
    plan_.needed = stages_needed_by(plan_.stages, plan_.target);
    warn_of_unused_args();
    return std::move(plan_);
  }

 private:
  base::Result<std::string> expand_global(std::size_t line, std::string_view word) const {
    auto value = expand_word(word, plan_.global_args, {.escape = escape_});
    if (!value) {
      return std::unexpected(std::move(value).error().with_context(concat("line ", line)));
    }
    return value;
  }

  base::Result<void> add_global_arg(const InstructionText& text) {
    WRENN_TRY_ASSIGN(const Arg arg, parse_arg(text.line, take_word(text.text).rest, escape_));
    Environment values;
    for (const Arg::Item& item : arg.items) {
      WRENN_TRY_ASSIGN(const std::string name, expand_global(text.line, item.name));
      declared_.insert(name);
      const auto given = options_.build_args.find(name);
      if (given != options_.build_args.end()) {
        values[name] = given->second;
      } else if (item.value) {
        WRENN_TRY_ASSIGN(values[name], expand_global(text.line, *item.value));
      }
    }
    for (auto& [name, value] : values) plan_.global_args[name] = std::move(value);
    return {};
  }

  base::Result<void> begin_stage(const InstructionText& text) {
    if (plan_.stages.size() == kMaxStages) {
      return fail_at(text.line, Code::kResourceExhausted,
                     concat("there are more than ", kMaxStages, " stages"),
                     "build some of them as a template of their own");
    }
    WRENN_TRY_ASSIGN(
        const FlagSet flags,
        FlagSet::take(text.line, "FROM", take_word(text.text).rest, escape_, {"platform"}));
    if (const auto platform = flags.value("platform")) {
      WRENN_TRY(check_platform(text.line, *platform));
    }
    const std::vector<std::string> words = split_at_space(flags.rest());
    const bool has_name = words.size() == 3 && base::equal_ignore_case(words[1], "AS");
    if (words.size() != 1 && !has_name) {
      return refuse_at(text.line, "FROM takes one base, and a name if there is need",
                       "write FROM BASE or FROM BASE AS NAME");
    }
    Stage stage;
    stage.source = {text.line, text.text};
    WRENN_TRY_ASSIGN(stage.base, base_of(text.line, words[0]));
    if (has_name) {
      WRENN_TRY_ASSIGN(stage.name, stage_name(text.line, words[2]));
    }
    plan_.stages.push_back(std::move(stage));
    return {};
  }

  base::Result<void> check_platform(std::size_t line, std::string_view text) const {
    WRENN_TRY_ASSIGN(const std::string platform, expand_global(line, text));
    if (platform.empty() || platform == kPlatform || platform == "linux" ||
        platform == "linux/x86_64" || platform == "linux/amd64/v1") {
      return {};
    }
    return fail_at(line, Code::kUnimplemented, concat("the platform ", platform, " is not built"),
                   concat("leave out --platform: everything is ", kPlatform));
  }

  base::Result<std::string> stage_name(std::size_t line, std::string_view word) {
    std::string name = base::to_lower(word);
    if (!is_stage_name(name) || name == "scratch") {
      return refuse_at(line, concat("\"", word, "\" cannot be the name of a stage"),
                       "it begins with a letter and has letters, digits and -_. only, and it is "
                       "not \"scratch\"");
    }
    if (find_stage(name, plan_.stages.size())) {
      plan_.warnings.push_back(
          {line, concat("there is a stage \"", name, "\" already: from here on it is this one")});
    }
    return name;
  }

  // Of the stages before `end`, the last one of the name.
  std::optional<std::size_t> find_stage(std::string_view name, std::size_t end) const {
    const std::string lower = base::to_lower(name);
    for (std::size_t index = end; index-- > 0;) {
      if (!lower.empty() && plan_.stages[index].name == lower) return index;
    }
    return std::nullopt;
  }

  base::Result<Base> base_of(std::size_t line, std::string_view word) const {
    WRENN_TRY_ASSIGN(std::string name, expand_global(line, word));
    if (name.empty()) {
      return refuse_at(line, concat("the base \"", word, "\" comes to nothing"),
                       "give the variable a default with ARG before FROM, or a value with "
                       "--build-arg");
    }
    if (std::ranges::any_of(name, [](char c) {
          return is_space(c) || static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
        })) {
      return refuse_at(line, "the name of the base has white space in it", "remove it");
    }
    if (name.size() > 1024) {
      return refuse_at(line, "the name of the base is longer than 1024 bytes", "shorten it");
    }
    if (name == "scratch") return Base{Base::Kind::kScratch, std::move(name), 0};
    if (const auto stage = find_stage(name, plan_.stages.size())) {
      return Base{Base::Kind::kStage, std::move(name), *stage};
    }
    return Base{Base::Kind::kExternal, std::move(name), 0};
  }

  base::Result<void> add(const InstructionText& text) {
    InstructionContext context{escape_, plan_.warnings};
    WRENN_TRY_ASSIGN(auto operation, parse_instruction(text, context));
    if (!operation) return {};
    if (const auto* arg = std::get_if<Arg>(&*operation)) {
      for (const Arg::Item& item : arg->items) declared_.insert(item.name);
    }
    if (auto* copy = std::get_if<Copy>(&*operation)) {
      WRENN_TRY(resolve_from(text.line, *copy));
    }
    plan_.stages.back().instructions.push_back(
        {{text.line, text.text}, std::move(*operation), Phase::kBuild});
    return {};
  }

  base::Result<void> resolve_from(std::size_t line, Copy& copy) const {
    if (copy.from_image.empty()) return {};
    const std::size_t current = plan_.stages.size() - 1;
    if (const auto stage = find_stage(copy.from_image, current)) {
      copy.from_stage = *stage;
    } else if (const auto number = base::parse_int<std::size_t>(copy.from_image)) {
      if (*number >= current) {
        return refuse_at(line, concat("--from=", copy.from_image, " is no earlier stage"),
                         "stages count from 0, and only those above can be copied from");
      }
      copy.from_stage = *number;
    } else if (base::equal_ignore_case(copy.from_image, plan_.stages.back().name)) {
      return refuse_at(line, concat("the stage \"", copy.from_image, "\" copies from itself"),
                       "copy within a stage with RUN cp");
    }
    if (copy.from_stage) copy.from_image.clear();
    return {};
  }

  // What was taken for an image may be a stage that comes later.
  base::Result<void> check_copies() const {
    for (const Stage& stage : plan_.stages) {
      for (const Instruction& instruction : stage.instructions) {
        const auto* copy = std::get_if<Copy>(&instruction.operation);
        if (copy == nullptr || !find_stage(copy->from_image, plan_.stages.size())) continue;
        return refuse_at(instruction.source.line,
                         concat("the stage \"", copy->from_image, "\" comes later"),
                         "move that stage up: only those above can be copied from");
      }
    }
    return {};
  }

  base::Result<void> find_target() {
    plan_.target = plan_.stages.size() - 1;
    if (options_.target.empty()) return {};
    if (const auto stage = find_stage(options_.target, plan_.stages.size())) {
      plan_.target = *stage;
      return {};
    }
    const auto number = base::parse_int<std::size_t>(options_.target);
    if (number && *number < plan_.stages.size()) {
      plan_.target = *number;
      return {};
    }
    std::string names;
    for (const Stage& stage : plan_.stages) {
      if (!stage.name.empty()) names += concat(names.empty() ? "" : ", ", stage.name);
    }
    return base::fail(
        Code::kNotFound, concat("there is no stage \"", options_.target, "\" to build"),
        names.empty() ? "no stage has a name: leave out the target, or give its number"
                      : concat("the stages are ", names));
  }

  void warn_of_unused_args() {
    for (const auto& [name, value] : options_.build_args) {
      if (declared_.contains(name) || is_proxy_arg(name) || platform_args().contains(name))
        continue;
      plan_.warnings.push_back(
          {0, concat("the build argument ", name, " is not used: no ARG has its name")});
    }
  }

  DefinitionText text_;
  const BuildOptions& options_;
  char escape_;
  BuildPlan plan_;
  std::set<std::string> declared_;
};

base::Result<void> check_build_args(const Environment& args) {
  if (args.size() > kMaxBuildArgs) {
    return base::fail(Code::kResourceExhausted,
                      concat("there are more than ", kMaxBuildArgs, " build arguments"),
                      "give fewer");
  }
  for (const auto& [name, value] : args) {
    if (name.empty() || name.contains('=') || name.contains('\0') || value.contains('\0')) {
      return base::fail(Code::kInvalidArgument, "a build argument is no NAME=VALUE",
                        "give it a name without \"=\" and a value without NUL");
    }
  }
  return {};
}

}  // namespace

base::Result<BuildPlan> parse_dockerfile(std::string_view text, const BuildOptions& options) {
  WRENN_TRY(check_build_args(options.build_args));
  WRENN_TRY_ASSIGN(DefinitionText lines, read_dockerfile_lines(text));
  return Planner(std::move(lines), options).plan();
}

}  // namespace wrenn::recipe
