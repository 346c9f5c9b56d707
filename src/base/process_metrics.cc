#include "base/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>

#include "base/files.h"
#include "base/process.h"
#include "base/strings.h"

namespace wrenn::base {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

std::optional<double> start_time() {
  const auto identity = identify_self();
  timespec since_boot{};
  if (!identity || ::clock_gettime(CLOCK_BOOTTIME, &since_boot) != 0) return std::nullopt;
  const double up =
      static_cast<double>(since_boot.tv_sec) + static_cast<double>(since_boot.tv_nsec) / 1e9;
  const double started =
      static_cast<double>(identity->start_ticks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return static_cast<double>(unix_ms_now()) / 1e3 - (up - started);
}

void write_memory(Exposition& out) {
  // Pages: all that is mapped, and what of it is in memory.
  const auto text = read_file("/proc/self/statm");
  if (!text) return;
  const auto fields = split(trim(*text), ' ');
  if (fields.size() < 2) return;
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto bytes = [&](std::size_t i) {
    return parse_int<std::uint64_t>(fields[i]).value_or(0) * page;
  };
  out.single(MetricKind::kGauge, "process_virtual_memory_bytes", "Memory that is mapped.",
             bytes(0));
  out.single(MetricKind::kGauge, "process_resident_memory_bytes", "Memory that is in use.",
             bytes(1));
}

void write_descriptors(Exposition& out) {
  std::error_code error;
  std::uint64_t open = 0;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end;
       it.increment(error)) {
    ++open;
  }
  // The one that looks is among them.
  if (!error && open > 0) {
    out.single(MetricKind::kGauge, "process_open_fds", "Descriptors that are open.", open - 1);
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  out.single(MetricKind::kGauge, "process_max_fds", "Descriptors that may be open.",
             std::uint64_t{limit.rlim_cur});
}

}  // namespace

void write_process_metrics(Exposition& out) {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    out.single(MetricKind::kCounter, "process_cpu_seconds_total",
               "Processor time, user and system.",
               seconds(usage.ru_utime) + seconds(usage.ru_stime));
  }
  write_memory(out);
  write_descriptors(out);
  if (const auto started = start_time()) {
    out.single(MetricKind::kGauge, "process_start_time_seconds",
               "When the process was started, in seconds since 1970.", *started);
  }
}

}  // namespace wrenn::base
