// Copies a file or a tree with all that belongs to it. Blocking.
#pragma once

#include <string>

#include "base/result.h"
#include "envd/stop_flag.h"

namespace wrenn::envd {

// From one open directory (or AT_FDCWD) to another, where nothing of that name may be. Owner, mode,
// times, extended attributes and holes are kept, hard links are not, links are not followed. Leaves
// a part of the copy behind when it fails; kCanceled when stopped, kFailedPrecondition when the
// tree is deeper than 128 levels.
base::Result<void> copy_entry(int from_directory, const std::string& from, int to_directory,
                              const std::string& to, const StopFlag& stop);

}  // namespace wrenn::envd
