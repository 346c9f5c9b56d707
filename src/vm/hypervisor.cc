#include "vm/hypervisor.h"

#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "base/process.h"
#include "base/strings.h"

namespace wrenn::vm {
namespace {

using base::Code;

// The pages that are mapped from no file: memory of its own, or its copy of a page of the template.
base::Result<std::uint64_t> own_memory(pid_t pid) {
  WRENN_TRY_ASSIGN(const std::string text, base::read_file(base::concat("/proc/", pid, "/statm")));
  const auto fields = base::split(base::trim(text), ' ');
  if (fields.size() < 3) return base::fail(Code::kInternal, "/proc/PID/statm is short");
  const auto resident = base::parse_int<std::uint64_t>(fields[1]).value_or(0);
  const auto shared = base::parse_int<std::uint64_t>(fields[2]).value_or(0);
  return (resident - std::min(resident, shared)) *
         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

base::Result<std::uint64_t> cpu_time_usec(pid_t pid) {
  constexpr std::size_t kUserTime = 11;  // Counted after the name in parentheses.
  WRENN_TRY_ASSIGN(const std::string text, base::read_file(base::concat("/proc/", pid, "/stat")));
  const auto fields =
      base::split(base::trim(std::string_view(text).substr(text.rfind(')') + 1)), ' ');
  if (fields.size() <= kUserTime + 1) return base::fail(Code::kInternal, "/proc/PID/stat is short");
  const auto user = base::parse_int<std::uint64_t>(fields[kUserTime]).value_or(0);
  const auto system = base::parse_int<std::uint64_t>(fields[kUserTime + 1]).value_or(0);
  const auto per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  return (user + system) * 1'000'000 / per_second;
}

}  // namespace

std::string_view accelerator_name(Accelerator accelerator) {
  return accelerator == Accelerator::kKvm ? "kvm" : "tcg";
}

base::Result<void> kill_vm(const VmProcess& process) {
  WRENN_TRY(kill_process(process.identity));
  // How it ended says nothing, and after a restart of the agent it is not our child.
  (void)base::reap(process, std::chrono::seconds(1));
  return {};
}

base::Result<void> kill_process(const base::ProcessIdentity& process) {
  constexpr int kTimeoutMs = 5000;
  WRENN_TRY(base::signal_process(process, SIGKILL));
  if (base::wait_gone(process, kTimeoutMs)) return {};
  return base::fail(Code::kInternal, base::concat("process ", process.pid, " does not end"));
}

base::Result<VmStats> read_stats(const base::ProcessIdentity& process) {
  if (!base::is_alive(process)) return base::fail(Code::kNotFound, "the VM has ended");
  VmStats stats;
  WRENN_TRY_ASSIGN(stats.own_memory_bytes, own_memory(process.pid));
  WRENN_TRY_ASSIGN(stats.cpu_usec, cpu_time_usec(process.pid));
  return stats;
}

}  // namespace wrenn::vm
