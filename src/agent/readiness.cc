#include "agent/readiness.h"

#include "base/strings.h"

namespace wrenn::agent {

using base::CheckStatus;
using base::concat;

base::ReadinessCheck check_memory(const MemoryBudget& memory) {
  const auto admitted = memory.admit(kDefaultMemoryMb);
  if (admitted) return {"memory"};
  return {"memory", CheckStatus::kWarning, admitted.error().to_string()};
}

base::ReadinessCheck check_disk(const base::Result<std::uint64_t>& free_bytes) {
  if (!free_bytes) return {"disk", CheckStatus::kFailed, free_bytes.error().to_string()};
  if (*free_bytes >= kDiskIsFull) return {"disk"};
  return {"disk", CheckStatus::kFailed,
          concat("only ", base::human_bytes(*free_bytes),
                 " are free, so sandboxes can be neither made nor paused; make room where "
                 "$WRENN_DIR is")};
}

base::ReadinessCheck check_network(std::size_t ready, const std::optional<base::Error>& problem) {
  if (ready > 0 || !problem) return {"network"};
  return {"network", CheckStatus::kFailed, problem->to_string()};
}

base::Readiness readiness_of(const Host& host, const MemoryBudget& memory) {
  return {{check_disk(storage::free_space(host.config.layout.sandboxes_dir())),
           check_network(host.slots->ready(), host.slots->problem()), check_memory(memory)}};
}

}  // namespace wrenn::agent
