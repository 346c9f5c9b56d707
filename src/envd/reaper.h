// Reaping as PID 1: children that lost their parent become ours, and nobody else waits for them.
#pragma once

#include "envd/process_table.h"
#include "net/signals.h"

namespace wrenn::envd {

// Until stopped. The signals must include SIGCHLD only. Commands of the table are left to it.
net::Task<void> reap_orphans(net::Signals& child_signals, const ProcessTable& commands);

}  // namespace wrenn::envd
