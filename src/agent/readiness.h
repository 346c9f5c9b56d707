// Whether sandboxes can be made and saved on this host now.
#pragma once

#include "agent/host.h"
#include "agent/memory_budget.h"
#include "base/readiness.h"

namespace wrenn::agent {

// Asks the host. Blocking for some microseconds.
base::Readiness readiness_of(const Host& host, const MemoryBudget& memory);

// The parts. No room in memory is a warning: a host that is full is well. No room on the disk is
// not, since then nothing can be made or saved.
base::ReadinessCheck check_memory(const MemoryBudget& memory);
base::ReadinessCheck check_disk(const base::Result<std::uint64_t>& free_bytes);
// `problem`: why the last slot could not be made.
base::ReadinessCheck check_network(std::size_t ready, const std::optional<base::Error>& problem);

}  // namespace wrenn::agent
