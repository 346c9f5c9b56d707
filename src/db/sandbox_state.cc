#include "db/sandbox_state.h"

#include <cstddef>
#include <initializer_list>
#include <string_view>

namespace wrenn::db {
namespace {

using enum SandboxState;

constexpr std::array<std::string_view, kAllSandboxStates.size()> kNames = {
    "pending",     "starting",   "running", "pausing", "paused", "resuming",
    "hibernating", "hibernated", "stopped", "error",   "missing"};

constexpr unsigned bit(SandboxState state) {
  return 1u << static_cast<unsigned>(state);
}
constexpr unsigned set_of(std::initializer_list<SandboxState> states) {
  unsigned set = 0;
  for (const auto state : states) set |= bit(state);
  return set;
}

// Where a sandbox may go from each state, in the order of the enum.
constexpr std::array<unsigned, kAllSandboxStates.size()> kNext = {
    /* pending    */ set_of({kStarting, kRunning, kStopped, kError, kMissing}),
    /* starting   */ set_of({kRunning, kStopped, kError, kMissing}),
    // Straight to paused: its host did it alone, by its lifecycle or because its machine ended.
    /* running    */ set_of({kPausing, kPaused, kStopped, kError, kMissing}),
    // Back to running: pausing failed and the machine goes on.
    /* pausing    */ set_of({kPaused, kRunning, kStopped, kError, kMissing}),
    /* paused     */ set_of({kResuming, kHibernating, kStopped, kError, kMissing}),
    // Back to where it came from when resuming fails: nothing was lost.
    /* resuming   */ set_of({kRunning, kPaused, kHibernated, kStopped, kError, kMissing}),
    // Never missing: whatever its host says in the end, it is whole in one of the two places.
    /* hibernating */ set_of({kHibernated, kPaused, kStopped, kError}),
    /* hibernated */ set_of({kResuming, kStopped, kError}),
    /* stopped    */ 0,
    /* error      */ set_of({kStopped}),
    // Whatever its host says once it is heard again.
    /* missing    */ set_of({kRunning, kPaused, kStopped, kError}),
};

}  // namespace

std::string_view state_name(SandboxState state) {
  return kNames.at(static_cast<std::size_t>(state));
}

std::optional<SandboxState> state_from_name(std::string_view name) {
  for (const auto state : kAllSandboxStates) {
    if (state_name(state) == name) return state;
  }
  return std::nullopt;
}

bool may_change(SandboxState from, SandboxState to) {
  return (kNext.at(static_cast<std::size_t>(from)) & bit(to)) != 0;
}

bool is_listed(SandboxState state) {
  return state != kStopped && state != kError;
}

bool is_final(SandboxState state) {
  return state == kStopped;
}

}  // namespace wrenn::db
