#include "control/builds/build_stages.h"

#include <algorithm>
#include <set>

#include "base/strings.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Result;
using recipe::Base;

template <class T>
Result<T> at_line(const recipe::Instruction& instruction, Result<T> result) {
  if (result) return result;
  return base::fail(
      std::move(result).error().with_context(concat("line ", instruction.source.line)));
}

class Planner {
 public:
  Planner(const recipe::BuildPlan& plan, const BuildBases& bases, const ContextIndex* context)
      : plan_(plan), bases_(bases), context_(context) {}

  Result<PlannedStages> run() {
    for (const std::size_t index : plan_.needed) {
      WRENN_TRY_ASSIGN(PlannedStage stage, plan_stage(index));
      stages_.emplace(index, std::move(stage));
    }
    return std::move(stages_);
  }

 private:
  Result<PlannedStage> plan_stage(std::size_t index) {
    const recipe::Stage& stage = plan_.stages.at(index);
    PlannedStage planned;
    if (plan_.needed.size() > 1) {
      planned.title = stage.name.empty() ? concat("stage ", index + 1) : stage.name;
    }
    WRENN_TRY_ASSIGN(recipe::BuildState state, begin(stage, planned));
    for (const recipe::Instruction& instruction : stage.instructions) {
      PlannedStep step{.instruction = &instruction, .number = ++number_, .action = {}, .key = {}};
      WRENN_TRY_ASSIGN(step.action, state.apply(instruction));
      WRENN_TRY_ASSIGN(const recipe::StepInputs inputs,
                       at_line(instruction, inputs_of(step.action)));
      step.key = recipe::step_key(planned.key(), step.action, inputs);
      planned.steps.push_back(std::move(step));
    }
    planned.end = std::move(state);
    return planned;
  }

  Result<recipe::BuildState> begin(const recipe::Stage& stage, PlannedStage& planned) {
    switch (stage.base.kind) {
      case Base::Kind::kScratch:
        return base::fail(Code::kInvalidArgument,
                          concat("line ", stage.source.line, ": FROM scratch has no system that a ",
                                 "sandbox could run"),
                          "begin with a template, e.g. FROM minimal");
      case Base::Kind::kStage: {
        const PlannedStage& earlier = stages_.at(stage.base.stage);
        planned.base_key = earlier.key();
        return recipe::BuildState::continue_from(*earlier.end);
      }
      case Base::Kind::kExternal:
        break;
    }
    const BuildBase& base = bases_.at(stage.base.name);
    planned.base_key = base.key;
    return recipe::BuildState::begin(plan_, base.config);
  }

  Result<recipe::StepInputs> inputs_of(const recipe::Action& action) const {
    recipe::StepInputs inputs;
    const auto* files = std::get_if<recipe::CopyFiles>(&action);
    if (files == nullptr) return inputs;
    if (files->copy.from_stage) {
      inputs.from = stages_.at(*files->copy.from_stage).key();
      return inputs;
    }
    if (!files->copy.from_image.empty()) {
      const auto base = bases_.find(files->copy.from_image);
      if (base == bases_.end()) {
        return base::fail(
            Code::kInvalidArgument,
            concat("--from=", files->copy.from_image, " is neither a stage nor known"),
            "name the stage or the template without variables");
      }
      inputs.from = base->second.key;
      return inputs;
    }
    if (files->copy.sources.empty()) return inputs;
    if (context_ == nullptr) {
      return base::fail(Code::kInvalidArgument,
                        "it copies files, and none were sent with the build",
                        "send the directory that has them as the build's context");
    }
    // What there is at the destination when it comes to that is part of the parent's key.
    const auto there = files->copy.destination.ends_with('/') ? recipe::Destination::kDirectory
                                                              : recipe::Destination::kMissing;
    WRENN_TRY_ASSIGN(const auto placed,
                     recipe::place_sources(context_->entries, files->copy, there));
    inputs.files = recipe::copied_files(context_->entries, placed, context_->digests, files->copy);
    return inputs;
  }

  const recipe::BuildPlan& plan_;
  const BuildBases& bases_;
  const ContextIndex* context_;
  PlannedStages stages_;
  int number_ = 0;
};

}  // namespace

std::vector<std::string> bases_needed(const recipe::BuildPlan& plan) {
  std::vector<std::string> names;
  const auto add = [&names](const std::string& name) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  };
  for (const std::size_t index : plan.needed) {
    const recipe::Stage& stage = plan.stages.at(index);
    if (stage.base.kind == Base::Kind::kExternal) add(stage.base.name);
    for (const std::string& image : stage.images_copied()) add(image);
  }
  return names;
}

Result<PlannedStages> plan_stages(const recipe::BuildPlan& plan, const BuildBases& bases,
                                  const ContextIndex* context) {
  return Planner(plan, bases, context).run();
}

std::vector<StageWork> plan_work(const recipe::BuildPlan& plan, const PlannedStages& stages,
                                 const std::map<std::size_t, std::size_t>& kept) {
  std::vector<StageWork> works;
  std::set<std::size_t> wanted = {plan.target};
  // A stage needs only earlier ones.
  while (!wanted.empty()) {
    const std::size_t stage = *wanted.rbegin();
    wanted.erase(stage);
    const auto known = kept.find(stage);
    StageWork work{.stage = stage, .from = known == kept.end() ? 0 : known->second};
    const Base& base = plan.stages.at(stage).base;
    if (work.from == 0 && base.kind == Base::Kind::kStage) work.base = base.stage;
    std::set<std::size_t> copied;
    const auto& steps = stages.at(stage).steps;
    for (std::size_t i = work.from; i < steps.size(); ++i) {
      const auto* files = std::get_if<recipe::CopyFiles>(&steps[i].action);
      if (files != nullptr && files->copy.from_stage) copied.insert(*files->copy.from_stage);
    }
    work.copied.assign(copied.begin(), copied.end());
    if (work.base) wanted.insert(*work.base);
    wanted.insert(copied.begin(), copied.end());
    works.push_back(std::move(work));
  }
  std::ranges::reverse(works);
  return works;
}

}  // namespace wrenn::control
