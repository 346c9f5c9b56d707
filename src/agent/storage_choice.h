// How the disks of this host's sandboxes share what is the same, and why.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "storage/cow_disk.h"

namespace wrenn::agent {

// What was asked for; nothing: the best that works. Never a copy.
using StorageWish = std::optional<storage::CowBackend>;

// What was found.
struct StorageFacts {
  storage::CowProbe files;       // What the file system of $WRENN_DIR can do.
  std::string why_no_snapshots;  // Empty where disks by dm-snapshot work,
  std::string remedy;            // and otherwise with this.
};

struct StorageChoice {
  storage::CowBackend backend = storage::CowBackend::kQcow2Overlay;
  std::string explanation;  // For people.
};

// Firecracker's disks are raw; QEMU's may be of any kind.
enum class DiskNeed { kAny, kRaw };

// Blocks that are shared before all else, then what needs no privileges: overlays where they can be
// used, and dm-snapshot where not. kFailedPrecondition with a remedy for what cannot be. Pure.
base::Result<StorageChoice> choose_storage(const StorageWish& wish, const StorageFacts& facts,
                                           DiskNeed need);

}  // namespace wrenn::agent
