#include "net/splice.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace wrenn::net {
namespace {

// What a pipe is asked to hold: a hundred pages and more. The kernel may grant less.
constexpr int kCapacity = 1 << 20;

constexpr unsigned kFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

base::Error splice_error(std::string_view operation) {
  return {base::Code::kUnavailable, base::errno_error(errno, operation).message};
}

}  // namespace

base::Result<SpliceBuffer> SpliceBuffer::create() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
    return base::fail(base::Code::kResourceExhausted, base::errno_error(errno, "pipe2").message);
  }
  ::fcntl(ends[1], F_SETPIPE_SZ, kCapacity);
  return SpliceBuffer(base::Fd(ends[0]), base::Fd(ends[1]));
}

Task<base::Result<std::size_t>> SpliceBuffer::fill(Stream& from, std::uint64_t most) {
  const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(most, kCapacity));
  IoFd& fd = from.descriptor();
  // A piece is much: it is the others' turn after each.
  if (co_await LetOthersRun() == Woken::kStopped) co_return base::fail(stopped_error());
  while (true) {
    const ssize_t n = ::splice(fd.get(), nullptr, write_end_.get(), nullptr, room, kFlags);
    if (n >= 0) co_return size_ = static_cast<std::size_t>(n);
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return base::fail(splice_error("reading"));
    if (co_await fd.readable() == Woken::kStopped) co_return base::fail(stopped_error());
  }
}

Task<base::Result<void>> SpliceBuffer::drain(Stream& to) {
  IoFd& fd = to.descriptor();
  while (size_ > 0) {
    const ssize_t n = ::splice(read_end_.get(), nullptr, fd.get(), nullptr, size_, kFlags);
    if (n > 0) {
      size_ -= static_cast<std::size_t>(n);
    } else if (n < 0 && errno == EAGAIN) {
      if (co_await fd.writable() == Woken::kStopped) co_return base::fail(stopped_error());
    } else if (n == 0 || errno != EINTR) {
      co_return base::fail(splice_error("writing"));
    }
  }
  co_return {};
}

}  // namespace wrenn::net
