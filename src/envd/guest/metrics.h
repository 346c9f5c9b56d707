// GET /metrics: what the whole guest uses. Nothing runs between two calls: the CPU's part is that
// since the last one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/task.h"

namespace wrenn::envd {

struct CpuTimes {
  std::uint64_t total = 0;  // Ticks since the start, of all CPUs together.
  std::uint64_t idle = 0;   // Of these, with nothing to do or waiting for a disk.
  unsigned count = 0;
};
struct MemoryUse {
  std::uint64_t total = 0;  // Bytes.
  std::uint64_t available = 0;
  std::uint64_t cached = 0;
};

// Of /proc/stat and /proc/meminfo; nothing for what is not like them. Pure.
std::optional<CpuTimes> parse_cpu_times(std::string_view stat);
std::optional<MemoryUse> parse_memory(std::string_view meminfo);
// Hundredths of a percent, 0 to 10 000; 0 when no time has passed.
std::uint64_t busy_share(const CpuTimes& before, const CpuTimes& after);

class Metrics {
 public:
  // The JSON text. The first call takes a tenth of a second: it has no earlier one to compare with.
  net::Task<base::Result<std::string>> read();

 private:
  net::Task<base::Result<void>> sample();

  std::optional<CpuTimes> last_;
  std::uint64_t busy_ = 0;
};

}  // namespace wrenn::envd
