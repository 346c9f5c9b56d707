#include "envd/reaper.h"

#include <sys/wait.h>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::envd {
namespace {

void reap_all(const ProcessTable& commands) {
  // Listing them is the way to look past a command that has exited and is not reaped yet.
  const auto children = base::read_file("/proc/1/task/1/children");
  if (!children) {
    base::log_warn("orphans cannot be reaped", {{"error", children.error()}});
    return;
  }
  for (const std::string_view text : base::split(base::trim(*children), ' ')) {
    const auto pid = base::parse_int<pid_t>(text);
    if (pid && !commands.running().contains(*pid)) ::waitpid(*pid, nullptr, WNOHANG);
  }
}

}  // namespace

net::Task<void> reap_orphans(net::Signals& child_signals, const ProcessTable& commands) {
  while (true) {
    reap_all(commands);
    if (!co_await child_signals.next()) co_return;
  }
}

}  // namespace wrenn::envd
