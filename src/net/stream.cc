#include "net/stream.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "base/log.h"
#include "net/scope.h"

namespace wrenn::net {
namespace {

constexpr int kBacklog = 1024;

bool would_block(int error) {
  return error == EAGAIN || error == EWOULDBLOCK;
}

// A broken connection is one case for callers, whichever way it broke.
base::Error io_error(int error, std::string_view operation) {
  return {base::Code::kUnavailable, base::errno_error(error, operation).message};
}

// A peer that went away is an error of this write and must not be a signal to the process.
ssize_t write_parts(int fd, std::span<iovec> parts) {
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  const ssize_t n = ::sendmsg(fd, &message, MSG_NOSIGNAL);
  if (n >= 0 || errno != ENOTSOCK) return n;
  return ::writev(fd, parts.data(), static_cast<int>(parts.size()));
}

void set_no_delay(int fd) {
  const int on = 1;
  // Fails for pipes and Unix sockets, where there is nothing to switch off.
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

bool is_socket_fd(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

std::string ip_of_peer(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* number = nullptr;
  if (address.ss_family == AF_INET) {
    number = &reinterpret_cast<const sockaddr_in*>(&address)->sin_addr;
  } else if (address.ss_family == AF_INET6) {
    number = &reinterpret_cast<const sockaddr_in6*>(&address)->sin6_addr;
  } else {
    return {};
  }
  if (::inet_ntop(address.ss_family, number, text.data(), text.size()) == nullptr) return {};
  constexpr std::string_view kMapped = "::ffff:";  // An IPv4 client of an IPv6 socket.
  const std::string_view ip(text.data());
  return std::string(ip.starts_with(kMapped) && ip.contains('.') ? ip.substr(kMapped.size()) : ip);
}

// True when a process listens behind a Unix socket's file.
bool is_listening(const Endpoint& endpoint) {
  const auto probe = endpoint.make_socket();
  if (!probe) return true;
  const int error = endpoint.connect(probe->get());
  return error == 0 || error == EAGAIN;
}

base::Result<void> bind_socket(int fd, const Endpoint& endpoint) {
  int error = endpoint.bind(fd);
  if (error == EADDRINUSE && endpoint.is_unix() && !is_listening(endpoint)) {
    ::unlink(endpoint.path().c_str());
    error = endpoint.bind(fd);
  }
  if (error == EADDRINUSE) {
    return base::fail(base::Code::kAlreadyExists,
                      base::concat(endpoint.to_string(), " is in use by another process"),
                      "stop that process or choose another address");
  }
  if (error != 0) {
    return base::fail_errno(error, base::concat("cannot listen on ", endpoint.to_string()));
  }
  return {};
}

}  // namespace

base::Result<std::unique_ptr<Stream>> Stream::adopt(Loop& loop, base::Fd fd) {
  set_no_delay(fd.get());
  WRENN_TRY_ASSIGN(IoFd io, IoFd::create(loop, std::move(fd)));
  const bool socket = is_socket_fd(io.get());
  return std::unique_ptr<Stream>(new Stream(std::move(io), socket));
}

Task<base::Result<std::size_t>> Stream::read_some(std::span<char> buffer) {
  return is_secured() ? read_filtered(buffer) : read_raw(buffer);
}

Task<base::Result<std::size_t>> Stream::read_raw(std::span<char> buffer) {
  // A peer that never lets us wait must not keep the loop for itself, nor outlive a deadline.
  if (fd_.loop().spend_budget() && co_await LetOthersRun() == Woken::kStopped) {
    co_return base::fail(stopped_error());
  }
  while (true) {
    while (fd_.maybe_readable()) {
      const ssize_t n = ::read(fd_.get(), buffer.data(), buffer.size());
      if (n >= 0) {
        // Less than there was room for: that was all, and the next bytes make an event (epoll(7)).
        if (is_socket_ && static_cast<std::size_t>(n) < buffer.size()) fd_.set_drained();
        co_return static_cast<std::size_t>(n);
      }
      if (errno == EINTR) continue;
      if (!would_block(errno)) co_return base::fail(io_error(errno, "reading"));
      break;
    }
    if (co_await fd_.readable() == Woken::kStopped) co_return base::fail(stopped_error());
  }
}

base::Result<void> Stream::take_written(Parts& parts) {
  const auto has_more = [](std::string_view part) { return !part.empty(); };
  while (std::ranges::any_of(parts, has_more)) {
    std::array<iovec, std::tuple_size_v<Parts>> vectors;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      vectors[i] = {const_cast<char*>(parts[i].data()), parts[i].size()};
    }
    const ssize_t n = write_parts(fd_.get(), vectors);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && would_block(errno)) break;
    if (n < 0) return base::fail(io_error(errno, "writing"));
    auto written = static_cast<std::size_t>(n);
    for (std::string_view& part : parts) {
      const std::size_t of_this = std::min(written, part.size());
      part.remove_prefix(of_this);
      written -= of_this;
    }
  }
  return {};
}

base::Result<std::size_t> Stream::write_now(std::string_view bytes) {
  if (is_secured()) return write_now_filtered(bytes);
  Parts parts = {bytes, {}, {}};
  WRENN_TRY(take_written(parts));
  return bytes.size() - parts[0].size();
}

Task<base::Result<void>> Stream::write_all(std::string_view first, std::string_view second,
                                           std::string_view third) {
  const Parts parts = {first, second, third};
  return is_secured() ? write_filtered(parts) : write_raw(parts);
}

Task<base::Result<void>> Stream::write_raw(Parts parts) {
  if (fd_.loop().spend_budget() && co_await LetOthersRun() == Woken::kStopped) {
    co_return base::fail(stopped_error());
  }
  while (true) {
    WRENN_CO_TRY(take_written(parts));
    if (std::ranges::all_of(parts, [](auto part) { return part.empty(); })) co_return {};
    if (co_await fd_.writable() == Woken::kStopped) co_return base::fail(stopped_error());
  }
}

Task<base::Result<void>> Stream::write_shared(std::string_view first, std::string_view second,
                                              std::string_view third) {
  Parts parts = {first, second, third};
  if (is_secured()) co_return co_await write_shared_filtered(parts);
  WRENN_CO_TRY(take_written(parts));
  const bool all_out = std::ranges::all_of(parts, [](auto part) { return part.empty(); });
  if (!all_out) co_return co_await write_rest(base::concat(parts[0], parts[1], parts[2]));
  co_return {};
}

Task<base::Result<void>> Stream::write_rest(std::string rest) {
  co_return co_await write_all(rest);
}

void Stream::keep_alive() {
  const int on = 1;
  const int idle_s = 60;
  const int interval_s = 15;
  const int probes = 4;
  // Fails for Unix sockets, whose peers cannot vanish.
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
  ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

Task<base::Result<void>> Stream::send_file(int file, std::uint64_t offset, std::uint64_t length) {
  if (is_secured()) co_return co_await send_file_filtered(file, offset, length);
  constexpr std::uint64_t kPiece = 1u << 20;
  auto position = static_cast<off_t>(offset);
  const auto end = static_cast<off_t>(offset + length);
  while (position < end) {
    const auto piece = std::min<std::uint64_t>(static_cast<std::uint64_t>(end - position), kPiece);
    const ssize_t n = ::sendfile(fd_.get(), file, &position, piece);
    if (n == 0) {
      co_return base::fail(base::Code::kDataLoss, "the file became shorter while it was sent");
    }
    // A piece is much: it is the others' turn after each.
    if (n > 0 && co_await LetOthersRun() == Woken::kStopped) co_return base::fail(stopped_error());
    if (n > 0 || errno == EINTR) continue;
    if (!would_block(errno)) co_return base::fail(io_error(errno, "sending a file"));
    if (co_await fd_.writable() == Woken::kStopped) co_return base::fail(stopped_error());
  }
  co_return {};
}

void Stream::shutdown_write() {
  if (is_secured()) {
    shutdown_filtered();
  } else {
    shutdown_socket();
  }
}

void Stream::shutdown_socket() {
  // Fails when the peer is gone: then there is nobody to tell.
  ::shutdown(fd_.get(), SHUT_WR);
}

void Stream::cut() {
  // Closing it then leaves nothing in the kernel that would be sent again and again.
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  // Fails when it is cut already.
  ::shutdown(fd_.get(), SHUT_RDWR);
}

bool Stream::is_stale() {
  if (is_secured() && is_filter_stale()) return true;
  if (!fd_.maybe_readable()) return false;
  char byte = 0;
  const ssize_t n = ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return n >= 0 || !would_block(errno);
}

Task<base::Result<void>> Stream::wait_hangup() {
  while (!fd_.hung_up()) {
    if (co_await fd_.hangup() == Woken::kStopped) co_return base::fail(stopped_error());
  }
  co_return {};
}

base::Result<PeerCredentials> Stream::peer_credentials() const {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return base::fail_errno(errno, "cannot tell who is connected");
  }
  return PeerCredentials{credentials.pid, credentials.uid, credentials.gid};
}

const std::string& Stream::peer_ip() {
  if (!peer_ip_) peer_ip_ = ip_of_peer(fd_.get());
  return *peer_ip_;
}

Task<base::Result<std::unique_ptr<Stream>>> connect(Endpoint endpoint, int netns_fd) {
  const Context context = co_await current_context();
  WRENN_CO_TRY_ASSIGN(base::Fd socket,
                      netns_fd >= 0 ? endpoint.make_socket_in(netns_fd) : endpoint.make_socket());
  set_no_delay(socket.get());
  int error = endpoint.connect(socket.get());
  WRENN_CO_TRY_ASSIGN(IoFd io, IoFd::create(*context.loop, std::move(socket)));
  if (error == EINPROGRESS) {
    if (co_await io.writable() == Woken::kStopped) co_return base::fail(stopped_error());
    socklen_t size = sizeof error;
    ::getsockopt(io.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error != 0) {
    co_return base::fail(io_error(error, base::concat("cannot connect to ", endpoint.to_string())));
  }
  co_return std::unique_ptr<Stream>(new Stream(std::move(io), true));
}

base::Result<Listener> Listener::listen(Loop& loop, const Endpoint& endpoint, mode_t socket_mode) {
  WRENN_TRY_ASSIGN(base::Fd socket, endpoint.make_socket());
  const int on = 1;
  if (!endpoint.is_unix()) {
    ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  } else if (::fchmod(socket.get(), socket_mode) != 0) {
    // The mode of the socket becomes, minus the umask, that of the file: it never stands open.
    return base::fail_errno(errno, "cannot set the mode of a socket");
  }
  WRENN_TRY(bind_socket(socket.get(), endpoint));
  if (endpoint.is_unix() && ::chmod(endpoint.path().c_str(), socket_mode) != 0) {
    return base::fail_errno(errno, "cannot set the mode of a socket file");
  }
  if (::listen(socket.get(), kBacklog) != 0) {
    return base::fail_errno(errno, base::concat("cannot listen on ", endpoint.to_string()));
  }
  WRENN_TRY_ASSIGN(IoFd io, IoFd::create(loop, std::move(socket)));
  return Listener(loop, std::move(io), endpoint.path());
}

base::Result<Listener> Listener::adopt(Loop& loop, base::Fd fd) {
  WRENN_TRY_ASSIGN(IoFd io, IoFd::create(loop, std::move(fd)));
  return Listener(loop, std::move(io), {});
}

Listener::~Listener() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Task<base::Result<std::unique_ptr<Stream>>> Listener::accept() {
  constexpr auto kDescriptorsPause = std::chrono::milliseconds(50);
  while (true) {
    base::Fd fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.valid()) co_return Stream::adopt(*loop_, std::move(fd));
    switch (errno) {
      case EAGAIN:
        if (co_await fd_.readable() == Woken::kStopped) co_return base::fail(stopped_error());
        break;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        base::log_warn("a connection has to wait", {{"error", base::errno_error(errno, "accept")}});
        WRENN_CO_TRY(co_await sleep_for(kDescriptorsPause));
        break;
      case EBADF:
      case EINVAL:
      case ENOTSOCK:
        co_return base::fail_errno(errno, "cannot accept connections");
      default:  // That one connection broke before it was accepted.
        break;
    }
  }
}

std::uint16_t Listener::port() const {
  sockaddr_in6 address{};
  socklen_t size = sizeof address;
  if (::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  // The port stands at the same place in both families' addresses.
  return ntohs(address.sin6_port);
}

void ignore_sigpipe() {
  std::signal(SIGPIPE, SIG_IGN);
}

}  // namespace wrenn::net
