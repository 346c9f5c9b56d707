// Memory files: a guest's memory as a file, which all VMs restored from it map and none can change.
//
// They lie on disk and in the page cache, so that clones share their pages and the kernel may drop
// what is not used. Blocking; thread-safe for different files.
#pragma once

#include <cstdint>

#include "base/files.h"
#include "base/result.h"

namespace wrenn::vm {

// All zero, without a block on disk. kAlreadyExists when the path is taken.
base::Result<void> create_memory_file(const base::Path& path, std::uint64_t size_bytes);
// After the last writer is gone: pages that hold zeros only give their blocks back, and the rest is
// synced. The file belongs to root and is for reading afterwards.
base::Result<void> seal_memory_file(const base::Path& path);
// kDataLoss when the file has another size.
base::Result<void> check_memory_file(const base::Path& path, std::uint64_t size_bytes);

}  // namespace wrenn::vm
