#include "cli/raw_terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

namespace wrenn::cli {
namespace {

constexpr int kCrashes[] = {SIGABRT, SIGSEGV, SIGBUS, SIGILL, SIGFPE};

// What a crash has to put back: a signal handler knows globals only.
volatile std::sig_atomic_t crash_fd = -1;
termios crash_settings;

void restore_and_crash(int signal) {
  if (crash_fd >= 0) ::tcsetattr(crash_fd, TCSANOW, &crash_settings);
  ::raise(signal);  // SA_RESETHAND: this time it ends the program.
}

void restore_on_crash(int fd, const termios& settings) {
  crash_settings = settings;
  crash_fd = fd;
  struct sigaction action{};
  action.sa_handler = restore_and_crash;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int signal : kCrashes) ::sigaction(signal, &action, nullptr);
}

}  // namespace

base::Result<RawTerminal> RawTerminal::enter(int fd) {
  termios before{};
  if (::tcgetattr(fd, &before) != 0) {
    return base::fail(base::Code::kFailedPrecondition, "standard input is not a terminal",
                      "`wrenn sandbox exec -i` passes on any input");
  }
  termios raw = before;
  ::cfmakeraw(&raw);
  restore_on_crash(fd, before);
  if (::tcsetattr(fd, TCSANOW, &raw) != 0) {
    return base::fail_errno(errno, "cannot change the terminal");
  }
  return RawTerminal(fd, before);
}

RawTerminal::RawTerminal(RawTerminal&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), before_(other.before_) {}

RawTerminal::~RawTerminal() {
  if (fd_ < 0) return;
  crash_fd = -1;
  ::tcsetattr(fd_, TCSANOW, &before_);
}

WindowSize window_size(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {.cols = size.ws_col, .rows = size.ws_row};
}

}  // namespace wrenn::cli
