#include "envd/process/reaper.h"

#include <sys/wait.h>

namespace wrenn::envd {
namespace {

// One call for each child that has ended, however many live: to look for orphans in a list of all
// children would cost the square of their number.
void reap_all(ProcessTable& commands) {
  while (true) {
    siginfo_t info{};
    if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0) return;
    commands.note_reaped(info);
  }
}

}  // namespace

net::Task<void> reap_orphans(net::Signals& child_signals, ProcessTable& commands) {
  while (true) {
    reap_all(commands);
    if (!co_await child_signals.next()) co_return;
  }
}

}  // namespace wrenn::envd
