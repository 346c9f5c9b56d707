#include "envd/guest/metrics.h"

#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>

#include "base/files.h"
#include "base/strings.h"
#include "base/time.h"
#include "net/loop.h"

namespace wrenn::envd {
namespace {

using base::Code;
using net::Task;

// The numbers of a line, up to eight.
std::vector<std::uint64_t> numbers_of(std::string_view line) {
  constexpr std::size_t kMax = 8;  // What follows in /proc/stat is counted in these already.
  std::vector<std::uint64_t> numbers;
  for (const std::string_view word : base::split(line, ' ')) {
    const auto number = base::parse_int<std::uint64_t>(word);
    if (number && numbers.size() < kMax) numbers.push_back(*number);
  }
  return numbers;
}

base::Result<CpuTimes> read_cpu_times() {
  WRENN_TRY_ASSIGN(const std::string text, base::read_file("/proc/stat"));
  if (const auto times = parse_cpu_times(text)) return *times;
  return base::fail(Code::kInternal, "/proc/stat is not as expected");
}

base::Result<MemoryUse> read_memory() {
  WRENN_TRY_ASSIGN(const std::string text, base::read_file("/proc/meminfo"));
  if (const auto memory = parse_memory(text)) return *memory;
  return base::fail(Code::kInternal, "/proc/meminfo is not as expected");
}

std::string percent_text(std::uint64_t hundredths) {
  const std::uint64_t rest = hundredths % 100;
  return base::concat(hundredths / 100, ".", rest / 10, rest % 10);
}

}  // namespace

std::optional<CpuTimes> parse_cpu_times(std::string_view stat) {
  CpuTimes times;
  for (const std::string_view line : base::split(stat, '\n')) {
    if (!line.starts_with("cpu")) continue;
    if (!line.starts_with("cpu ")) {
      ++times.count;
      continue;
    }
    const auto ticks = numbers_of(line);
    constexpr std::size_t kIdle = 3;
    constexpr std::size_t kDiskWait = 4;
    if (ticks.size() <= kDiskWait) return std::nullopt;
    for (const std::uint64_t value : ticks) times.total += value;
    times.idle = ticks[kIdle] + ticks[kDiskWait];
  }
  if (times.count == 0) return std::nullopt;
  return times;
}

std::optional<MemoryUse> parse_memory(std::string_view meminfo) {
  MemoryUse memory;
  for (const std::string_view line : base::split(meminfo, '\n')) {
    const std::string_view name = line.substr(0, line.find(':'));
    const auto numbers = numbers_of(line);
    if (numbers.empty()) continue;
    const std::uint64_t bytes = numbers[0] * 1024;
    if (name == "MemTotal") memory.total = bytes;
    if (name == "MemAvailable") memory.available = bytes;
    if (name == "Cached") memory.cached = bytes;
  }
  if (memory.total == 0 || memory.available > memory.total) return std::nullopt;
  return memory;
}

std::uint64_t busy_share(const CpuTimes& before, const CpuTimes& after) {
  if (after.total <= before.total) return 0;
  const std::uint64_t total = after.total - before.total;
  // The kernel's count of waiting for disks may step back.
  const std::uint64_t idle = std::min(total, after.idle - std::min(after.idle, before.idle));
  return (total - idle) * 10'000 / total;
}

Task<base::Result<void>> Metrics::sample() {
  constexpr auto kFirstSample = std::chrono::milliseconds(100);
  // Calls that follow one another closer than this get the same answer: ticks are coarse.
  constexpr std::uint64_t kFewestTicks = 5;
  if (!last_) {
    WRENN_CO_TRY_ASSIGN(const CpuTimes first, read_cpu_times());
    WRENN_CO_TRY(co_await net::sleep_for(kFirstSample));
    if (!last_) last_ = first;
  }
  WRENN_CO_TRY_ASSIGN(const CpuTimes now, read_cpu_times());
  if (now.total < last_->total + kFewestTicks) co_return {};
  busy_ = busy_share(*last_, now);
  last_ = now;
  co_return {};
}

Task<base::Result<std::string>> Metrics::read() {
  WRENN_CO_TRY(co_await sample());
  WRENN_CO_TRY_ASSIGN(const MemoryUse memory, read_memory());
  struct statvfs disk{};
  if (::statvfs("/", &disk) != 0) co_return base::fail_errno(errno, "cannot look at the disk");
  const std::uint64_t block = disk.f_frsize;
  const std::uint64_t used = memory.total - memory.available;
  constexpr std::uint64_t kMib = 1u << 20;
  co_return base::concat("{\"ts\":", base::unix_ms_now() / 1000, ",\"cpu_count\":", last_->count,
                         ",\"cpu_used_pct\":", percent_text(busy_), ",\"mem_total\":", memory.total,
                         ",\"mem_used\":", used, ",\"mem_cache\":", memory.cached,
                         ",\"mem_total_mib\":", memory.total / kMib,
                         ",\"mem_used_mib\":", used / kMib,
                         ",\"disk_used\":", (disk.f_blocks - disk.f_bfree) * block,
                         ",\"disk_total\":", disk.f_blocks * block, "}");
}

}  // namespace wrenn::envd
