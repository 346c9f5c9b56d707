#include "control/builds/build_definition.h"

#include <algorithm>

#include "base/strings.h"
#include "control/api/json_fields.h"
#include "control/api/requests.h"
#include "db/template_store.h"
#include "recipe/dockerfile.h"
#include "recipe/wrenn_recipe.h"

namespace wrenn::control {
namespace {

using base::concat;

Answer<recipe::BuildPlan> plan_answer(base::Result<recipe::BuildPlan> plan) {
  if (plan) return *std::move(plan);
  return refuse(ApiCode::kInvalidRequest, plan.error().to_string());
}

void read_source(JsonFields& fields, BuildDefinition& definition) {
  if (fields.has("dockerfile")) {
    definition.dockerfile =
        fields.text("dockerfile", {Presence::kRequired, recipe::kMaxDefinition});
  }
  definition.recipe = fields.texts("recipe", recipe::kMaxInstructions);
  if (definition.dockerfile.has_value() == !definition.recipe.empty()) {
    fields.fail("give either a dockerfile, as a text, or a recipe, as a list of lines");
  }
}

}  // namespace

bool is_digest(std::string_view text) {
  constexpr std::size_t kDigits = 64;
  return text.size() == kDigits && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

Answer<BuildDefinition> parse_build(std::string_view body) {
  JsonFields fields(body);
  BuildDefinition definition;
  definition.name = fields.text("name", {Presence::kRequired, 4096});
  if (!definition.name.empty() && !is_safe_name(definition.name)) {
    fields.fail(
        "name must begin with a letter or digit and go on with letters, digits, '.', '_' "
        "and '-'; a tag has a field of its own");
  }
  definition.tag = fields.text("tag", {});
  if (definition.tag.empty()) definition.tag = db::kLatestTag;
  if (!db::is_template_tag(definition.tag)) {
    fields.fail("tag must be 1 to 64 letters, digits and '._-'");
  }
  read_source(fields, definition);
  definition.build_args = fields.environment("build_args", recipe::kMaxBuildArgs);
  definition.target = fields.text("target", {});
  definition.base_template = fields.text("base_template", {});
  definition.has_phases = !fields.boolean("skip_pre_post", false);
  definition.context = fields.text("context", {});
  if (!definition.context.empty() && !is_digest(definition.context)) {
    fields.fail("context must be the SHA-256 of an archive, in 64 lower-case digits");
  }
  definition.vcpus = fields.optional_integer("vcpus", 1, 32);
  definition.memory_mb = fields.optional_integer("memory_mb", 128, 64 * 1024);
  definition.disk_mb = fields.optional_integer("disk_mb", 1024, 1024 * 1024);
  definition.start_command = fields.text("start_command", {});
  definition.ready_check = fields.text("ready_check", {});
  definition.uses_cache = !fields.boolean("no_cache", false);
  API_TRY(fields.status());
  return definition;
}

Answer<recipe::BuildPlan> plan_of(const BuildDefinition& definition) {
  if (!definition.ready_check.empty()) {
    if (const auto check = recipe::parse_ready_check(definition.ready_check); !check) {
      return refuse(ApiCode::kInvalidRequest, concat("ready_check: ", check.error().to_string()));
    }
  }
  if (definition.dockerfile) {
    return plan_answer(recipe::parse_dockerfile(
        *definition.dockerfile,
        {.build_args = definition.build_args, .target = definition.target}));
  }
  recipe::RecipeOptions options;
  if (!definition.base_template.empty()) options.base = definition.base_template;
  options.phases = definition.has_phases ? recipe::Phases::kAround : recipe::Phases::kNone;
  return plan_answer(recipe::parse_recipe(definition.recipe, options));
}

}  // namespace wrenn::control
