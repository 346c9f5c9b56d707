// The states a sandbox goes through as the control plane sees it. Pure; thread-safe.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace wrenn::db {

enum class SandboxState {
  kPending,   // Asked for, nothing done yet.
  kStarting,  // A host is making it.
  kRunning,
  kPausing,
  kPaused,
  kResuming,
  kHibernating,  // Paused, and its data is on the way to object storage.
  kHibernated,   // Paused, and its data is in object storage.
  kStopped,      // Final.
  kError,        // Could not be made or repaired; can only be removed.
  kMissing,      // Its host is silent, or does not know it.
};
inline constexpr std::array kAllSandboxStates = {
    SandboxState::kPending,     SandboxState::kStarting,   SandboxState::kRunning,
    SandboxState::kPausing,     SandboxState::kPaused,     SandboxState::kResuming,
    SandboxState::kHibernating, SandboxState::kHibernated, SandboxState::kStopped,
    SandboxState::kError,       SandboxState::kMissing};

// The name in the database and on the wire: "pending", ...
std::string_view state_name(SandboxState state);
std::optional<SandboxState> state_from_name(std::string_view name);

// Whether a sandbox may go from one state straight to the other. Never from a state to itself.
bool may_change(SandboxState from, SandboxState to);

// Lists show it unless asked otherwise: everything but stopped and error.
bool is_listed(SandboxState state);
// No host has anything left of it.
bool is_final(SandboxState state);

}  // namespace wrenn::db
