// Which Firecracker it is, and what that one can do. Pure; thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/semver.h"

namespace wrenn::vm::firecracker {

// The oldest that has all that is relied on without asking, and the first that nobody has seen.
inline constexpr std::string_view kOldestVersion = "1.12";
inline constexpr std::string_view kTooNewVersion = "2.0";

// What `firecracker --version` or `--snapshot-version` prints: "Firecracker v1.13.1" and other
// lines, or "v7.0.0"; the number alone, "1.13.1". Empty when there is none.
std::string version_in(std::string_view printed);

// kFailedPrecondition with a remedy for a version outside of the range above.
base::Result<base::Semver> check_version(std::string_view version);

struct Features {
  bool free_page_reporting = false;  // Of the balloon.
  bool tracks_by_new_name = false;   // `track_dirty_pages` when a snapshot is loaded.
  bool operator==(const Features&) const = default;
};
Features features_of(const base::Semver& version);

// Whether a snapshot in the format `saved` can be loaded by a program whose own is `ours`: the same
// major number, and a minor one that is not later. kFailedPrecondition with a remedy otherwise.
base::Result<void> check_snapshot_format(std::string_view saved, std::string_view ours);

}  // namespace wrenn::vm::firecracker
