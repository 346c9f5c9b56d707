#include "net/signals.h"

#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>

#include "net/loop.h"

namespace wrenn::net {

base::Result<Signals> Signals::create(std::initializer_list<int> signals) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
    return base::fail_errno(error, "cannot block signals");
  }
  base::Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return base::fail_errno(errno, "cannot listen for signals");
  return Signals(std::move(fd));
}

Task<base::Result<int>> Signals::next() {
  while (true) {
    signalfd_siginfo info{};
    const ssize_t n = ::read(fd_.get(), &info, sizeof info);
    if (n == sizeof info) co_return static_cast<int>(info.ssi_signo);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      co_return base::fail_errno(errno, "cannot read a signal");
    }
    WRENN_CO_TRY(co_await wait_readable(fd_.get()));
  }
}

}  // namespace wrenn::net
