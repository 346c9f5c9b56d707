// What this process itself takes of the machine, under the names that are usual for it.
#pragma once

#include "base/exposition.h"

namespace wrenn::base {

// Processor time, memory, descriptors, and when it was started. What /proc/self does not tell, as
// in a jail without it, is left out. Blocking for some microseconds. Thread-safe.
void write_process_metrics(Exposition& out);

}  // namespace wrenn::base
