// Moves a file or a tree, also to another file system. Blocking.
#pragma once

#include "base/files.h"
#include "base/result.h"
#include "envd/stop_flag.h"

namespace wrenn::envd {

// Replaces the destination as rename(2) does: a file by a file, an empty directory by a directory.
// Across file systems everything is copied beside the destination with owners, modes, times,
// extended attributes and holes, put in its place in one step, and only then removed at the source:
// whatever fails, all of it is still in one of the two places. Hard links become files of their
// own. kNotFound when there is no source, kCanceled when stopped.
base::Result<void> move_entry(const base::Path& source, const base::Path& destination,
                              const StopFlag& stop);

// The second way alone, for tests: they have one file system.
base::Result<void> move_by_copy(const base::Path& source, const base::Path& destination,
                                const StopFlag& stop);

}  // namespace wrenn::envd
