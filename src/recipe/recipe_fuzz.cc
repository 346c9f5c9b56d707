// Any text as a recipe, and as a ready check.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "recipe/build_state.h"
#include "recipe/wrenn_recipe.h"

namespace {

using namespace wrenn::recipe;

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto ready = parse_ready_check(text)) {
    check(!ready->command.text.empty() && ready->interval.count() > 0 &&
          ready->timeout.count() > 0);
    check(ready->deadline.count() > 0);
  }
  const auto plan = parse_recipe_text(text, {});
  if (!plan) {
    check(!plan.error().remedy.empty());
    return 0;
  }
  BuildState state = BuildState::begin(*plan, {});
  for (const Instruction& instruction : plan->stages[0].instructions) {
    const auto action = state.apply(instruction);
    if (!action) {
      check(!action.error().remedy.empty());
    } else if (const auto* copy = std::get_if<CopyFiles>(&*action)) {
      check(copy->copy.destination.starts_with('/'));
    } else if (const auto* directory = std::get_if<MakeDirectory>(&*action)) {
      check(directory->path.starts_with('/'));
    }
  }
  return 0;
}
