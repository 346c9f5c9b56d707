// Reaping as PID 1: children that lost their parent become ours, and nobody else waits for them.
#pragma once

#include "envd/process/process_table.h"
#include "net/signals.h"

namespace wrenn::envd {

// Until stopped. The signals must include SIGCHLD only. The table is told how its commands ended;
// whoever else waits for a child must take ECHILD for "it has ended".
net::Task<void> reap_orphans(net::Signals& child_signals, ProcessTable& commands);

}  // namespace wrenn::envd
