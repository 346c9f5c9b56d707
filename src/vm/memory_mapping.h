// Whether a process has a guest's memory mapped as a memory map says.
#pragma once

#include "base/result.h"
#include "vm/memory_save.h"

namespace wrenn::vm {

// Where the map says zero the memory must come from nowhere, and each layer from one file, at the
// place that the map says, all of it private. kInternal otherwise: what a save would take for
// unchanged is something else. Blocking.
base::Result<void> check_mapping(const MemorySource& source, const MemoryMap& map);

}  // namespace wrenn::vm
