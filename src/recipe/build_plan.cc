#include "recipe/build_plan.h"

#include <algorithm>
#include <set>

namespace wrenn::recipe {

std::vector<std::size_t> Stage::stages_needed() const {
  std::set<std::size_t> found;
  if (base.kind == Base::Kind::kStage) found.insert(base.stage);
  for (const Instruction& instruction : instructions) {
    const auto* copy = std::get_if<Copy>(&instruction.operation);
    if (copy != nullptr && copy->from_stage) found.insert(*copy->from_stage);
  }
  return {found.begin(), found.end()};
}

std::vector<std::string> Stage::images_copied() const {
  std::vector<std::string> out;
  for (const Instruction& instruction : instructions) {
    const auto* copy = std::get_if<Copy>(&instruction.operation);
    if (copy == nullptr || copy->from_image.empty()) continue;
    if (std::ranges::find(out, copy->from_image) == out.end()) out.push_back(copy->from_image);
  }
  return out;
}

std::size_t BuildPlan::steps() const {
  std::size_t count = 0;
  for (const std::size_t index : needed) count += stages[index].instructions.size();
  return count;
}

std::vector<std::size_t> stages_needed_by(const std::vector<Stage>& stages, std::size_t target) {
  // A stage needs only earlier ones, so that one pass from the end finds all.
  std::vector<bool> needed(stages.size(), false);
  needed[target] = true;
  for (std::size_t index = target + 1; index-- > 0;) {
    if (!needed[index]) continue;
    for (const std::size_t other : stages[index].stages_needed()) needed[other] = true;
  }
  std::vector<std::size_t> out;
  for (std::size_t index = 0; index < stages.size(); ++index) {
    if (needed[index]) out.push_back(index);
  }
  return out;
}

std::optional<Duration> pause_before_try(const ReadyCheck& check, Duration elapsed,
                                         unsigned failures) {
  if (check.retries > 0 && failures > check.retries) return std::nullopt;
  if (elapsed + check.interval > check.deadline) return std::nullopt;
  return check.interval;
}

bool failure_counts(const ReadyCheck& check, Duration elapsed) {
  return elapsed >= check.start_period;
}

}  // namespace wrenn::recipe
