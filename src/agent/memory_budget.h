// How much memory a host gives to sandboxes, so that it never has to swap. Pure.
//
// A sandbox uses a part of what it may use, and its clones share pages, so more is promised than
// there is. What keeps that honest: nothing starts without room for all it may use by itself, and
// when room runs short the sandboxes that nobody uses are paused.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/result.h"

namespace wrenn::agent {

// So many times the machine's memory is promised to sandboxes that run, unless somebody says else.
inline constexpr std::uint64_t kMemoryOvercommit = 4;

struct HostMemory {  // All in MiB.
  std::uint64_t total = 0;
  std::uint64_t available = 0;  // Without swapping.
};
// From the text of /proc/meminfo; zero what it does not tell.
HostMemory parse_meminfo(std::string_view text);
// This machine's. Blocking for some microseconds.
HostMemory host_memory();

struct MemoryBudget {
  HostMemory host;
  std::uint64_t reserve_mb = 0;   // Not for sandboxes.
  std::uint64_t promised_mb = 0;  // To all that run or start.
  std::uint64_t overcommit = kMemoryOvercommit;

  // kResourceExhausted, with what is missing, when one more of that size must not start.
  base::Result<void> admit(std::uint64_t memory_mb) const;
  bool is_short() const { return host.available < reserve_mb; }
};

}  // namespace wrenn::agent
