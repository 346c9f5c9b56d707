// Any text as a Dockerfile: what is understood keeps to its promises, and so does what its
// instructions come to.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "recipe/build_state.h"
#include "recipe/cache_key.h"
#include "recipe/dockerfile.h"

namespace {

using namespace wrenn::recipe;

void check(bool holds) {
  if (!holds) std::abort();
}

void check_action(const Action& action) {
  check(step_key("parent", action, {}).size() ==
        (std::holds_alternative<std::monostate>(action) ? 6 : 64));
  if (const auto* execute = std::get_if<Execute>(&action)) {
    check(!execute->process.argv.empty() && !execute->process.user.empty());
    check(execute->process.workdir.starts_with('/'));
  } else if (const auto* copy = std::get_if<CopyFiles>(&action)) {
    check(copy->copy.destination.starts_with('/') && !copy->owner.empty());
    check(!copy->copy.destination.contains("/../"));
  } else if (const auto* directory = std::get_if<MakeDirectory>(&action)) {
    check(directory->path.starts_with('/'));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto plan = parse_dockerfile(text, {.build_args = {{"A", "given"}, {"HTTP_PROXY", "p"}}});
  if (!plan) {
    check(!plan.error().message.empty() && !plan.error().remedy.empty());
    return 0;
  }
  check(!plan->stages.empty() && plan->target < plan->stages.size());
  check(std::ranges::is_sorted(plan->needed) && plan->needed.back() == plan->target);
  std::vector<BuildState> ends;
  for (std::size_t index = 0; index < plan->stages.size(); ++index) {
    const Stage& stage = plan->stages[index];
    for (const std::size_t needed : stage.stages_needed()) check(needed < index);
    BuildState state = stage.base.kind == Base::Kind::kStage
                           ? BuildState::continue_from(ends[stage.base.stage])
                           : BuildState::begin(*plan, {});
    for (const Instruction& instruction : stage.instructions) {
      const auto action = state.apply(instruction);
      if (action) {
        check_action(*action);
      } else {
        check(action.error().message.starts_with("line ") && !action.error().remedy.empty());
      }
    }
    if (const auto start = state.start_process()) check(!start->argv.empty());
    ends.push_back(std::move(state));
  }
  return 0;
}
