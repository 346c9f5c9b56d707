#include "cli/input_reader.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

namespace wrenn::cli {
namespace {

using base::Result;

Result<std::string> read_blocking(int fd, int stop) {
  constexpr std::size_t kPiece = 32 * 1024;
  std::string buffer(kPiece, '\0');
  while (true) {
    std::array<pollfd, 2> wanted{pollfd{fd, POLLIN, 0}, pollfd{stop, POLLIN, 0}};
    if (::poll(wanted.data(), wanted.size(), -1) < 0 && errno != EINTR) {
      return base::fail_errno(errno, "cannot wait for input");
    }
    if (wanted[1].revents != 0) return base::fail(net::stopped_error());
    if (wanted[0].revents == 0) continue;
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n >= 0) {
      buffer.resize(static_cast<std::size_t>(n));
      return buffer;
    }
    if (errno == EIO) return std::string();  // A terminal that was hung up.
    if (errno != EINTR && errno != EAGAIN) return base::fail_errno(errno, "cannot read the input");
  }
}

}  // namespace

Result<InputReader> InputReader::create(int fd) {
  base::Fd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop.valid()) return base::fail_errno(errno, "cannot make an eventfd");
  return InputReader(fd, std::move(stop));
}

net::Task<Result<std::string>> InputReader::read() {
  return thread_->run([fd = fd_, stop = stop_.get()] { return read_blocking(fd, stop); });
}

void InputReader::stop() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(stop_.get(), &one, sizeof one);
}

}  // namespace wrenn::cli
