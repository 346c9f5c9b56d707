#include "control/api/admin_build_replies.h"

#include <map>

#include <boost/json.hpp>

#include "base/rfc3339.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/builds/image_config_text.h"

namespace wrenn::control {
namespace {

namespace json = boost::json;

std::string_view state_name(db::BuildStatus status) {
  switch (status) {
    case db::BuildStatus::kWaiting:
      return "pending";
    case db::BuildStatus::kBuilding:
      return "running";
    case db::BuildStatus::kReady:
      return "success";
    case db::BuildStatus::kFailed:
      return "failed";
    case db::BuildStatus::kCanceled:
      return "cancelled";
  }
  return "failed";
}

std::string_view phase_name(recipe::Phase phase) {
  switch (phase) {
    case recipe::Phase::kBefore:
      return "pre-build";
    case recipe::Phase::kBuild:
      return "recipe";
    case recipe::Phase::kAfter:
      return "post-build";
  }
  return "recipe";
}

// Steps are counted through all stages that are needed.
std::vector<std::string_view> phases_of(const recipe::BuildPlan* plan) {
  std::vector<std::string_view> phases;
  if (plan == nullptr) return phases;
  for (const std::size_t stage : plan->needed) {
    for (const auto& one : plan->stages.at(stage).instructions) {
      phases.push_back(phase_name(one.phase));
    }
  }
  return phases;
}

struct Step {
  std::string cmd;
  std::string out;
  std::string err;
  std::int64_t began_at = 0;
  std::int64_t ended_at = 0;
  bool has_ended = false;
};

std::map<int, Step> steps_of(const std::vector<db::BuildLogLine>& lines) {
  std::map<int, Step> steps;
  for (const db::BuildLogLine& line : lines) {
    if (line.step == 0) continue;
    if (line.kind == "step" || line.kind == "cached") {
      // What was begun anew is told from there.
      steps[line.step] = {.cmd = line.text,
                          .out = {},
                          .err = {},
                          .began_at = line.at,
                          .ended_at = line.at,
                          .has_ended = line.kind == "cached"};
      continue;
    }
    Step& step = steps[line.step];
    if (line.kind == "stdout") step.out += line.text;
    if (line.kind == "stderr") step.err += line.text;
    if (line.kind == "done") step.has_ended = true;
    step.ended_at = line.at;
  }
  return steps;
}

// Of the step that a build failed in: what its command ended with, or -1 when it was something
// else.
int exit_code_in(std::string_view error) {
  constexpr std::string_view kStatus = "exit status ";
  const std::size_t at = error.find(kStatus);
  if (at == std::string_view::npos) return -1;
  std::string_view digits = error.substr(at + kStatus.size());
  digits = digits.substr(0, digits.find_first_not_of("0123456789"));
  return base::parse_int<int>(digits).value_or(-1);
}

}  // namespace

json::object admin_build_object(const db::Build& build, const BuildDefinition& definition,
                                const recipe::BuildPlan* plan, const db::Template* made) {
  json::object out;
  out["id"] = build.id;
  out["name"] = build.name;
  out["base_template"] =
      definition.base_template.empty() ? std::string("minimal") : definition.base_template;
  json::array recipe;
  for (const std::string& line : definition.recipe) recipe.emplace_back(line);
  out["recipe"] = std::move(recipe);
  if (!definition.ready_check.empty()) out["healthcheck"] = definition.ready_check;
  out["vcpus"] = made != nullptr ? made->vcpus : definition.vcpus.value_or(1);
  out["memory_mb"] = made != nullptr ? made->memory_mb : definition.memory_mb.value_or(512);
  out["status"] = state_name(build.status);
  out["current_step"] = build.step;
  const int planned = plan == nullptr ? 0 : static_cast<int>(plan->steps());
  out["total_steps"] = build.steps > 0 ? build.steps : planned;
  out["logs"] = json::array();
  if (!build.error.empty()) out["error"] = build.error;
  if (made != nullptr && !made->sandbox_id.empty()) out["sandbox_id"] = made->sandbox_id;
  if (made != nullptr) out["host_id"] = made->host_id;
  recipe::ImageConfig config;
  if (made != nullptr) config = parse_image_config(made->config).value_or(recipe::ImageConfig());
  out["default_user"] = config.user.empty() ? std::string("root") : config.user;
  json::object environment;
  for (const auto& [name, value] : config.environment) environment[name] = value;
  out["default_env"] = std::move(environment);
  out["created_at"] = base::rfc3339(build.created_at);
  if (build.started_at) out["started_at"] = base::rfc3339(*build.started_at);
  if (build.finished_at) out["completed_at"] = base::rfc3339(*build.finished_at);
  return out;
}

json::array admin_build_logs(const db::Build& build, const recipe::BuildPlan* plan,
                             const std::vector<db::BuildLogLine>& lines) {
  const std::vector<std::string_view> phases = phases_of(plan);
  json::array out;
  for (auto& [number, step] : steps_of(lines)) {
    const bool has_failed =
        !step.has_ended && build.status == db::BuildStatus::kFailed && build.step == number;
    if (!step.has_ended && !has_failed) continue;
    const auto index = static_cast<std::size_t>(number - 1);
    json::object entry;
    entry["step"] = number;
    entry["phase"] = index < phases.size() ? phases[index] : std::string_view("recipe");
    entry["cmd"] = step.cmd;
    entry["stdout"] = step.out;
    entry["stderr"] = step.err;
    entry["exit"] = has_failed ? exit_code_in(build.error) : 0;
    entry["ok"] = !has_failed;
    entry["elapsed_ms"] = step.ended_at - step.began_at;
    out.push_back(std::move(entry));
  }
  return out;
}

}  // namespace wrenn::control
