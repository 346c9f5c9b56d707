// Stages of a build with all that can be known before anything of it is done: what each step asks
// for, and the key under which its outcome may be kept already. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "control/builds/context_store.h"
#include "control/creation.h"
#include "recipe/build_state.h"
#include "recipe/cache_key.h"

namespace wrenn::control {

// What a stage begins with, or copies from, that is not of this build.
struct BuildBase {
  Origin origin;
  recipe::ImageConfig config;
  recipe::LayerKey key;
};
using BuildBases = std::map<std::string, BuildBase>;  // By the name that the build has for it.

struct PlannedStep {
  const recipe::Instruction* instruction = nullptr;
  int number = 0;  // Counted through all stages, from 1.
  recipe::Action action;
  recipe::LayerKey key;  // Of what there is after it.

  bool does_something() const { return action.index() != 0; }
};

struct PlannedStage {
  std::string title;  // Its name, or its number; empty when the build has only one.
  recipe::LayerKey base_key;
  std::vector<PlannedStep> steps;
  std::optional<recipe::BuildState> end;

  const recipe::LayerKey& key() const { return steps.empty() ? base_key : steps.back().key; }
};
using PlannedStages = std::map<std::size_t, PlannedStage>;  // By the index in the plan.

// What is to be done of a stage.
struct StageWork {
  std::size_t stage = 0;
  std::size_t from = 0;             // The steps before it are kept.
  std::optional<std::size_t> base;  // The stage without which it cannot begin.
  std::vector<std::size_t> copied;  // The stages that it copies from: ascending, each once.
  bool operator==(const StageWork&) const = default;
};

// Names of what is not of this build, each once.
std::vector<std::string> bases_needed(const recipe::BuildPlan& plan);
// `plan` outlives what is returned, `bases` has all that are needed. `context`: null when there is
// none. Errors are mistakes in the definition, and say where.
base::Result<PlannedStages> plan_stages(const recipe::BuildPlan& plan, const BuildBases& bases,
                                        const ContextIndex* context);
// What the target needs still, ascending, when of each stage so many first steps are kept (of one
// that is not named: none). What does not wait for each other may be done at the same time.
std::vector<StageWork> plan_work(const recipe::BuildPlan& plan, const PlannedStages& stages,
                                 const std::map<std::size_t, std::size_t>& kept);

}  // namespace wrenn::control
