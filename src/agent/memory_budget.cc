#include "agent/memory_budget.h"

#include "base/files.h"
#include "base/strings.h"

namespace wrenn::agent {

using base::concat;

HostMemory parse_meminfo(std::string_view text) {
  HostMemory memory;
  for (const auto line : base::split(text, '\n')) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto words = base::split(base::trim(line.substr(colon + 1)), ' ');
    const auto mb = base::parse_int<std::uint64_t>(words.front()).value_or(0) / 1024;
    if (line.starts_with("MemTotal:")) memory.total = mb;
    if (line.starts_with("MemAvailable:")) memory.available = mb;
  }
  return memory;
}

HostMemory host_memory() {
  const auto text = base::read_file("/proc/meminfo");
  return text ? parse_meminfo(*text) : HostMemory();
}

base::Result<void> MemoryBudget::admit(std::uint64_t memory_mb) const {
  constexpr std::string_view kRemedy =
      "ask for less, or pause or destroy sandboxes that are not needed now";
  if (memory_mb + reserve_mb > host.available) {
    return base::fail(base::Code::kResourceExhausted,
                      concat("this host has ", host.available, " MB of memory left and keeps ",
                             reserve_mb, " MB, too little for ", memory_mb, " MB"),
                      std::string(kRemedy));
  }
  const std::uint64_t most = (host.total > reserve_mb ? host.total - reserve_mb : 0) * overcommit;
  if (promised_mb + memory_mb > most) {
    return base::fail(
        base::Code::kResourceExhausted,
        concat("this host has promised ", promised_mb, " MB of memory, and ", memory_mb,
               " MB more would exceed ", most, " MB, ", overcommit, " times what it has"),
        std::string(kRemedy));
  }
  return {};
}

}  // namespace wrenn::agent
