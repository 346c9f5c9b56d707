#include "net/resolve.h"

#include <netdb.h>
#include <sys/socket.h>

#include <array>
#include <memory>

#include "base/strings.h"

namespace wrenn::net {

base::Result<Endpoint> resolve(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0) {
    return base::fail(base::Code::kUnavailable,
                      base::concat("cannot find the host '", host, "': ", ::gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::array<char, NI_MAXHOST> ip{};
  if (const int error = ::getnameinfo(found->ai_addr, found->ai_addrlen, ip.data(), ip.size(),
                                      nullptr, 0, NI_NUMERICHOST);
      error != 0) {
    return base::fail(base::Code::kInternal, ::gai_strerror(error));
  }
  return Endpoint::tcp(ip.data(), port);
}

}  // namespace wrenn::net
