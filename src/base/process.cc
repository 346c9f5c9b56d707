#include "base/process.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "base/files.h"
#include "base/strings.h"

namespace wrenn::base {

namespace {

Result<ProcessIdentity> read_identity(pid_t pid, const Path& file) {
  constexpr std::size_t kStateField = 0;  // counted after the name in parentheses
  constexpr std::size_t kStartTimeField = 19;
  auto stat = read_file(file);
  if (!stat) return fail(Code::kNotFound, concat("process ", pid, " does not exist"));
  const auto name_end = stat->rfind(')');
  if (name_end == std::string::npos) return fail(Code::kInternal, "cannot read /proc/PID/stat");
  const auto fields = split(trim(std::string_view(*stat).substr(name_end + 1)), ' ');
  if (fields.size() <= kStartTimeField) return fail(Code::kInternal, "/proc/PID/stat is short");
  if (fields[kStateField] == "Z" || fields[kStateField] == "X") {
    return fail(Code::kNotFound, concat("process ", pid, " has exited"));
  }
  const auto ticks = parse_int<std::uint64_t>(fields[kStartTimeField]);
  if (!ticks) return fail(Code::kInternal, "/proc/PID/stat has no start time");
  return ProcessIdentity{pid, *ticks};
}

}  // namespace

Result<ProcessIdentity> identify_process(pid_t pid) {
  return read_identity(pid, concat("/proc/", pid, "/stat"));
}

Result<ProcessIdentity> identify_self() {
  return read_identity(::getpid(), "/proc/self/stat");
}

bool is_alive(const ProcessIdentity& process) {
  const auto now = identify_process(process.pid);
  return now && *now == process;
}

Result<Fd> open_pidfd(const ProcessIdentity& process) {
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!fd.valid()) return fail_errno(errno, concat("cannot open process ", process.pid));
  // Checked after opening: from here on the descriptor cannot come to mean another process.
  if (!is_alive(process)) {
    return fail(Code::kNotFound, concat("process ", process.pid, " has exited"));
  }
  return fd;
}

Result<void> signal_process(const ProcessIdentity& process, int signal) {
  auto fd = open_pidfd(process);
  if (!fd) return fd.error().code == Code::kNotFound ? Result<void>{} : fail(fd.error());
  if (::syscall(SYS_pidfd_send_signal, fd->get(), signal, nullptr, 0) != 0 && errno != ESRCH) {
    return fail_errno(errno, concat("cannot signal process ", process.pid));
  }
  return {};
}

bool wait_gone(const ProcessIdentity& process, int timeout_ms) {
  const auto fd = open_pidfd(process);
  if (!fd) return true;
  pollfd wait{fd->get(), POLLIN, 0};
  int ready = 0;
  do {
    ready = ::poll(&wait, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

}  // namespace wrenn::base
