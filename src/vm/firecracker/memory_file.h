// Memory as Firecracker writes it, and as it maps it: files in which each page lies at the offset
// that it has in the guest's memory.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "vm/memory_map.h"

namespace wrenn::vm::firecracker {

enum class FileKind {
  kFull,  // All of the memory.
  kDiff,  // What changed since the file before it; holes are what did not, not zeros.
};

// Written by a VM, so nothing in it is trusted but that it is the guest's.
struct MemoryFile {
  int fd = -1;
  FileKind kind = FileKind::kFull;
};

// One layer more, as save_changed_pages() makes it, from the files that were written since the VM
// was started on `base`, oldest first. `fd` is empty, and becomes a sparse file of the memory's
// whole length that everybody may read; blocks are shared with the files where the file system can.
// Pages that became zero are noted as zero, or are a hole of the new layer: they never show what
// `base` has.
// kFailedPrecondition when `layer` takes the place of layers of `base` that have pages which the
// files do not, and kResourceExhausted when the map would get too long: a full file helps in both
// cases. kDataLoss when a file is not of this memory. Blocking.
base::Result<MemoryMap> make_layer(std::span<const MemoryFile> files, const MemoryMap& base,
                                   int layer, int fd);

// Whether a file there tells holes from zeros, page by page. Blocking.
base::Result<bool> tells_holes(const base::Path& directory);

// Whether one file is the whole memory as it is, so that it can be mapped: there is one layer, all
// of which lies where it belongs.
bool is_plain(const MemoryMap& map);

// Puts all layers together as such a file, `fd`, which is empty: blocks are shared, nothing is
// copied. kUnimplemented when the file system cannot do that. Blocking.
base::Result<void> put_together(const MemoryMap& map, const std::vector<base::Path>& layers,
                                int fd);

}  // namespace wrenn::vm::firecracker
