// Endpoint: where a server listens or a client connects to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

struct sockaddr;

namespace wrenn::net {

// "127.0.0.1:8080", "[::1]:8080" or "unix:/run/wrenn/agent.sock". Names are resolved by the caller
// (resolve.h): an Endpoint holds addresses only.
class Endpoint {
 public:
  // kInvalidArgument with the accepted forms for anything else. Port 0 lets the kernel choose.
  static base::Result<Endpoint> parse(std::string_view text);
  static base::Result<Endpoint> tcp(std::string_view ip, std::uint16_t port);
  static base::Result<Endpoint> unix_socket(std::string_view path);

  bool is_unix() const { return !path_.empty(); }
  // Only this machine reaches it: a Unix socket, or a loopback address.
  bool is_local() const { return is_unix() || ip_.starts_with("127.") || ip_ == "::1"; }
  const std::string& path() const { return path_; }
  std::uint16_t port() const { return port_; }
  std::string to_string() const;

  // A non-blocking stream socket of the right family.
  base::Result<base::Fd> make_socket() const;
  // The same, made inside a network namespace; the calling thread is back in its own afterwards.
  // Needs CAP_SYS_ADMIN.
  base::Result<base::Fd> make_socket_in(int netns_fd) const;
  // bind(2) or connect(2) with this address; the result is errno or 0.
  int bind(int fd) const;
  int connect(int fd) const;

 private:
  template <class F>
  int with_address(F function) const;

  std::string ip_;
  bool ipv6_ = false;
  std::uint16_t port_ = 0;
  std::string path_;
};

}  // namespace wrenn::net
