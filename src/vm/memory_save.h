// Saving a guest's memory: what differs from an older save, into one new file.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/result.h"
#include "vm/memory_map.h"

namespace wrenn::vm {

// The guest's memory inside the process of its hypervisor, in bytes.
struct MemorySource {
  pid_t pid = 0;
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
};

// The memory must stand still, and must be mapped as `base` says: each layer privately, zeros from
// nowhere. So a page that is private to the process has changed since, and all others have not.
//
// Writes to `fd`, an empty file, which becomes layer number `layer` in the place of all of `base`
// from there on: `base.layer_count` adds a layer, a lower number merges some. Unchanged pages in
// small gaps are written along, and in wider ones where the map would get longer than some thousand
// extents. Nothing is synced. Blocking; kInvalidArgument when the sizes do not fit together,
// kInternal when the process has something else mapped.
base::Result<MemoryMap> save_changed_pages(const MemorySource& source, const MemoryMap& base,
                                           int layer, int fd);

}  // namespace wrenn::vm
