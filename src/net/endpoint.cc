#include "net/endpoint.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "base/files.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::net {
namespace {

constexpr std::string_view kForms =
    "use IP:PORT, [IPv6]:PORT or unix:/path, for example 127.0.0.1:8080";

}  // namespace

base::Result<Endpoint> Endpoint::parse(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) return unix_socket(text.substr(kUnix.size()));
  const auto colon = text.rfind(':');
  const auto port = colon == std::string_view::npos
                        ? std::nullopt
                        : base::parse_int<std::uint16_t>(text.substr(colon + 1));
  if (!port) {
    return base::fail(base::Code::kInvalidArgument, base::concat("'", text, "' is not an address"),
                      std::string(kForms));
  }
  std::string_view ip = text.substr(0, colon);
  if (ip.starts_with('[') && ip.ends_with(']')) ip = ip.substr(1, ip.size() - 2);
  if (ip.empty()) ip = "0.0.0.0";
  if (ip == "localhost") ip = "127.0.0.1";
  return tcp(ip, *port);
}

base::Result<Endpoint> Endpoint::tcp(std::string_view ip, std::uint16_t port) {
  Endpoint endpoint;
  endpoint.ip_ = ip;
  endpoint.port_ = port;
  in6_addr address{};
  if (::inet_pton(AF_INET6, endpoint.ip_.c_str(), &address) == 1) {
    endpoint.ipv6_ = true;
  } else if (::inet_pton(AF_INET, endpoint.ip_.c_str(), &address) != 1) {
    return base::fail(base::Code::kInvalidArgument, base::concat("'", ip, "' is not an IP address"),
                      std::string(kForms));
  }
  return endpoint;
}

base::Result<Endpoint> Endpoint::unix_socket(std::string_view path) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) {
    return base::fail(base::Code::kInvalidArgument,
                      base::concat("a socket path needs 1 to ", sizeof(sockaddr_un::sun_path) - 1,
                                   " bytes: '", path, "'"));
  }
  Endpoint endpoint;
  endpoint.path_ = path;
  return endpoint;
}

std::string Endpoint::to_string() const {
  if (is_unix()) return base::concat("unix:", path_);
  return ipv6_ ? base::concat('[', ip_, "]:", port_) : base::concat(ip_, ':', port_);
}

base::Result<base::Fd> Endpoint::make_socket() const {
  const int family = is_unix() ? AF_UNIX : ipv6_ ? AF_INET6 : AF_INET;
  base::Fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return base::fail_errno(errno, "cannot make a socket");
  return fd;
}

base::Result<base::Fd> Endpoint::make_socket_in(int netns_fd) const {
  WRENN_TRY_ASSIGN(const base::Fd own, base::open_file("/proc/thread-self/ns/net", O_RDONLY));
  if (::setns(netns_fd, CLONE_NEWNET) != 0) {
    return base::fail_errno(errno, "cannot enter a network namespace");
  }
  auto socket = make_socket();
  if (::setns(own.get(), CLONE_NEWNET) != 0) {
    // A thread in the wrong namespace would answer for the wrong network: nothing may go on.
    base::log_error("cannot leave a network namespace",
                    {{"error", base::errno_error(errno, "setns")}});
    std::abort();
  }
  return socket;
}

template <class F>
int Endpoint::with_address(F function) const {
  if (is_unix()) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    return function(reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  if (ipv6_) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port_);
    ::inet_pton(AF_INET6, ip_.c_str(), &address.sin6_addr);
    return function(reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  ::inet_pton(AF_INET, ip_.c_str(), &address.sin_addr);
  return function(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

int Endpoint::bind(int fd) const {
  return with_address([fd](const sockaddr* address, socklen_t size) {
    return ::bind(fd, address, size) == 0 ? 0 : errno;
  });
}

int Endpoint::connect(int fd) const {
  return with_address([fd](const sockaddr* address, socklen_t size) {
    return ::connect(fd, address, size) == 0 ? 0 : errno;
  });
}

}  // namespace wrenn::net
