// Removes a file or a tree. Blocking.
#pragma once

#include "base/files.h"
#include "base/result.h"
#include "envd/stop_flag.h"

namespace wrenn::envd {

// A missing one is fine; links are not followed. Trees of any depth, in constant memory and
// descriptors. kCanceled when stopped, kFailedPrecondition when something in it is a mount point or
// is made anew faster than it can be removed.
base::Result<void> remove_entry(const base::Path& path, const StopFlag& stop);

}  // namespace wrenn::envd
