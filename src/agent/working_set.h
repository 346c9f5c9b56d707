// The list of pages that a guest touches first when it is restored, on its way from one checkpoint
// to the next. Only a hint: without it, or with a wrong one, guests start all the same, only later.
#pragma once

#include "agent/checkpoint.h"

namespace wrenn::agent {

// Into `directory`, a checkpoint that is saved of a VM: what was recorded in `vm_directory` since
// the VM started on `base`, else what `base` has. The VM may have put anything there; what is no
// list of pages of this memory is left out, and said. Blocking.
base::Result<void> keep_working_set(const base::Path& vm_directory, const Checkpoint& base,
                                    const base::Path& directory);

}  // namespace wrenn::agent
