#include "cli/build_request.h"

#include <algorithm>
#include <variant>

#include <boost/json.hpp>

#include "base/strings.h"
#include "cli/table.h"
#include "recipe/dockerfile.h"
#include "recipe/dockerfile_copy.h"
#include "recipe/wrenn_recipe.h"

namespace wrenn::cli {
namespace {

namespace json = boost::json;
using base::Code;
using base::concat;
using base::Result;
using recipe::Dialect;

constexpr std::string_view kDockerfile = "Dockerfile";
constexpr std::string_view kRecipe = "wrenn.recipe";
// Of a recipe, as the API has it.
constexpr std::size_t kMaxLines = 1000;

bool is_there(const base::Path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

Dialect dialect_of(const BuildOptions& options, std::string_view path) {
  const bool is_recipe =
      options.is_recipe || path.ends_with(".recipe") || path.ends_with(".recipefile");
  return is_recipe ? Dialect::kRecipe : Dialect::kDockerfile;
}

Result<base::Path> definition_path(const BuildOptions& options) {
  if (!options.file.empty()) return base::Path(options.file);
  const base::Path directory(options.path);
  if (!options.is_recipe && is_there(directory / kDockerfile)) return directory / kDockerfile;
  if (is_there(directory / kRecipe)) return directory / kRecipe;
  return base::fail(Code::kNotFound,
                    concat("there is no ", options.is_recipe ? "" : "Dockerfile and no ", kRecipe,
                           " in ", printable(options.path)),
                    "name the file with --file, or the directory that has it");
}

recipe::RecipeOptions recipe_options(const BuildOptions& options) {
  recipe::RecipeOptions out;
  if (!options.base.empty()) out.base = options.base;
  out.phases = options.no_pre_post ? recipe::Phases::kNone : recipe::Phases::kAround;
  return out;
}

// The lines of the file as they are, so that their numbers mean the same to the API.
Result<json::array> recipe_lines(const DefinitionFile& definition) {
  std::string_view text = definition.text;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  json::array lines;
  std::size_t last = 0;
  for (std::string_view line : base::split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    if (!base::trim(line).empty()) last = lines.size();
  }
  lines.resize(last);
  if (lines.size() > kMaxLines) {
    return base::fail(Code::kResourceExhausted,
                      concat(definition.path.native(), " has more than ", kMaxLines, " lines"),
                      "remove comments and empty lines, or put commands into a script and COPY it");
  }
  return lines;
}

}  // namespace

Result<DefinitionFile> find_definition(const BuildOptions& options) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(options.path, ignored)) {
    return base::fail(Code::kInvalidArgument,
                      concat("'", printable(options.path), "' is no directory"),
                      "give the directory with the build's files; --file names the Dockerfile");
  }
  WRENN_TRY_ASSIGN(base::Path path, definition_path(options));
  auto text = base::read_file(path, recipe::kMaxDefinition);
  if (!text) {
    auto error = std::move(text).error();
    if (error.remedy.empty()) error.remedy = "--file names the Dockerfile or the recipe";
    return base::fail(std::move(error));
  }
  const Dialect dialect = dialect_of(options, path.native());
  return DefinitionFile{std::move(path), dialect, *std::move(text)};
}

Result<TemplateReference> name_to_build(const BuildOptions& options) {
  TemplateReference reference;
  if (options.name.empty()) {
    std::error_code unknown;
    reference.name = std::filesystem::canonical(options.path, unknown).filename().native();
    if (unknown || !is_template_name(reference.name)) {
      return base::fail(
          Code::kInvalidArgument,
          concat("the directory's name '", printable(reference.name), "' is none for a template"),
          "give one with --name: letters, digits, '.', '_' and '-'");
    }
  } else {
    WRENN_TRY_ASSIGN(reference, parse_template_reference(options.name));
  }
  if (reference.version > 0) {
    return base::fail(Code::kInvalidArgument, "a build cannot choose its version",
                      "give --name NAME or --name NAME:TAG; it becomes the next version");
  }
  if (reference.tag.empty()) reference.tag = "latest";
  return reference;
}

Result<recipe::Environment> parse_build_args(const std::vector<std::string>& words,
                                             const Environment& environment) {
  recipe::Environment out;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    if (word.empty() || equals == 0) {
      return base::fail(Code::kInvalidArgument,
                        concat("--build-arg '", printable(word), "' is not NAME=VALUE"),
                        "give NAME=VALUE, or NAME for a variable of the environment");
    }
    if (!base::is_valid_utf8(word)) {
      return base::fail(Code::kInvalidArgument,
                        concat("--build-arg ", printable(base::to_valid_utf8(word)),
                               " is not UTF-8, which the API takes alone"),
                        "put it into a file and COPY that");
    }
    if (equals != std::string::npos) {
      out[word.substr(0, equals)] = word.substr(equals + 1);
    } else if (auto value = environment(word.c_str())) {
      out[word] = *std::move(value);
    }
  }
  return out;
}

Result<void> check_options(const BuildOptions& options, Dialect dialect) {
  const auto refuse = [](std::string_view option, std::string_view of) {
    return base::fail(Code::kInvalidArgument,
                      concat(option, " is for ", of, ", and this build has none"),
                      "leave it out; a recipe is a file that ends in .recipe, or --recipe says so");
  };
  if (dialect == Dialect::kRecipe) {
    if (!options.build_args.empty()) return refuse("--build-arg", "a Dockerfile");
    if (!options.target.empty()) return refuse("--target", "a Dockerfile");
  } else {
    if (!options.base.empty()) return refuse("--base", "a recipe");
    if (options.no_pre_post) return refuse("--no-pre-post", "a recipe");
  }
  if (options.ready_check.empty()) return {};
  WRENN_TRY(recipe::parse_ready_check(options.ready_check));
  return {};
}

Result<recipe::BuildPlan> plan_of(const DefinitionFile& definition, const BuildOptions& options,
                                  const recipe::Environment& build_args) {
  auto plan = definition.dialect == Dialect::kRecipe
                  ? recipe::parse_recipe_text(definition.text, recipe_options(options))
                  : recipe::parse_dockerfile(definition.text,
                                             {.build_args = build_args, .target = options.target});
  if (plan) return plan;
  return base::fail(std::move(plan).error().with_context(printable(definition.path.native())));
}

bool copies_from_context(const recipe::BuildPlan& plan) {
  const auto takes_files = [](const recipe::Instruction& instruction) {
    const auto* copy = std::get_if<recipe::Copy>(&instruction.operation);
    if (copy == nullptr || copy->from_stage || !copy->from_image.empty()) return false;
    // A variable may turn out to be the address of something, or a file.
    return std::ranges::any_of(copy->sources, [copy](const std::string& source) {
      return copy->kind == recipe::Copy::Kind::kCopy || !recipe::is_url(source);
    });
  };
  return std::ranges::any_of(plan.needed, [&](std::size_t stage) {
    return std::ranges::any_of(plan.stages.at(stage).instructions, takes_files);
  });
}

Result<std::string> request_body(const DefinitionFile& definition, const BuildOptions& options,
                                 const TemplateReference& name,
                                 const recipe::Environment& build_args, std::string_view context) {
  json::object body{{"name", name.name}, {"tag", name.tag}};
  if (definition.dialect == Dialect::kRecipe) {
    WRENN_TRY_ASSIGN(body["recipe"], recipe_lines(definition));
    if (!options.base.empty()) body["base_template"] = options.base;
    if (options.no_pre_post) body["skip_pre_post"] = true;
  } else {
    body["dockerfile"] = definition.text;
    json::object args;
    for (const auto& [key, value] : build_args) args[key] = value;
    if (!args.empty()) body["build_args"] = std::move(args);
    if (!options.target.empty()) body["target"] = options.target;
  }
  if (!context.empty()) body["context"] = context;
  if (options.vcpus > 0) body["vcpus"] = options.vcpus;
  if (options.memory_mb > 0) body["memory_mb"] = options.memory_mb;
  if (options.disk_mb > 0) body["disk_mb"] = options.disk_mb;
  if (!options.start_command.empty()) body["start_command"] = options.start_command;
  if (!options.ready_check.empty()) body["ready_check"] = options.ready_check;
  if (options.no_cache) body["no_cache"] = true;
  return json::serialize(body);
}

}  // namespace wrenn::cli
