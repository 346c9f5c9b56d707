#include "envd/process/pty.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <limits>

#include "base/files.h"
#include "base/strings.h"

namespace wrenn::envd {
namespace {

using base::Code;

base::Result<void> set_size(int fd, TerminalSize size) {
  winsize window{};
  window.ws_col = size.columns;
  window.ws_row = size.rows;
  if (::ioctl(fd, TIOCSWINSZ, &window) == 0) return {};
  return base::fail_errno(errno, "cannot set the size of a terminal");
}

// Erasing a character removes all of its bytes.
void expect_utf8(int fd) {
  termios modes{};
  if (::tcgetattr(fd, &modes) != 0) return;
  modes.c_iflag |= IUTF8;
  ::tcsetattr(fd, TCSANOW, &modes);
}

// Through the agent's side, which needs no /dev/pts of its own.
base::Result<base::Fd> open_child_side(int fd) {
  const int unlock = 0;
  if (::ioctl(fd, TIOCSPTLCK, &unlock) != 0)
    return base::fail_errno(errno, "cannot unlock a terminal");
  base::Fd child_side(::ioctl(fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!child_side.valid()) return base::fail_errno(errno, "cannot open a terminal");
  return child_side;
}

}  // namespace

base::Result<TerminalSize> TerminalSize::from(const process::PTY::Size& size) {
  constexpr std::uint32_t kMax = std::numeric_limits<std::uint16_t>::max();
  if (size.cols() > kMax || size.rows() > kMax) {
    return base::fail(Code::kInvalidArgument,
                      base::concat("a terminal has at most ", kMax, " columns and rows"));
  }
  TerminalSize result;
  if (size.cols() != 0) result.columns = static_cast<std::uint16_t>(size.cols());
  if (size.rows() != 0) result.rows = static_cast<std::uint16_t>(size.rows());
  return result;
}

base::Result<Pty::Opened> Pty::open(net::Loop& loop, TerminalSize size, uid_t owner) {
  auto fd = base::open_file("/dev/ptmx", O_RDWR | O_NOCTTY);
  if (!fd) {
    return base::fail(Code::kUnavailable,
                      base::concat("no terminal can be opened: ", fd.error().message),
                      "mount devpts on /dev/pts");
  }
  WRENN_TRY_ASSIGN(base::Fd child_side, open_child_side(fd->get()));
  WRENN_TRY(set_size(fd->get(), size));
  expect_utf8(child_side.get());
  if (::geteuid() == 0 && ::fchown(child_side.get(), owner, static_cast<gid_t>(-1)) != 0) {
    return base::fail_errno(errno, "cannot give a terminal to its user");
  }
  WRENN_TRY_ASSIGN(net::IoFd io, net::IoFd::create(loop, std::move(*fd)));
  return Opened{std::shared_ptr<Pty>(new Pty(std::move(io))), std::move(child_side)};
}

net::Task<base::Result<void>> Pty::write_all(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(io_.get(), bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {
      if (co_await io_.writable() == net::Woken::kStopped) {
        co_return base::fail(net::stopped_error());
      }
    } else if (errno != EINTR) {
      co_return base::fail(Code::kUnavailable,
                           base::errno_error(errno, "writing to a terminal").message);
    }
  }
  co_return {};
}

base::Result<void> Pty::resize(TerminalSize size) {
  return set_size(io_.get(), size);
}

}  // namespace wrenn::envd
