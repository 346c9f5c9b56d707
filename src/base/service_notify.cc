#include "base/service_notify.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/fd.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::base {

Result<void> notify_service_manager(std::string_view state) {
  const char* variable = std::getenv("NOTIFY_SOCKET");
  const std::string_view path = variable == nullptr ? "" : variable;
  if (path.empty()) return {};
  sockaddr_un address{};
  const bool is_abstract = path.front() == '@';
  if ((path.front() != '/' && !is_abstract) || path.size() >= sizeof address.sun_path) {
    return fail(Code::kInvalidArgument, concat("NOTIFY_SOCKET is no socket: '", path, "'"));
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (is_abstract) address.sun_path[0] = '\0';
  // An abstract name has no end but the length; a path ends with a zero.
  const auto length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + (is_abstract ? 0 : 1));
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return fail_errno(errno, "cannot make a socket");
  const ssize_t sent =
      ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
               reinterpret_cast<const sockaddr*>(&address), length);
  if (sent < 0) return fail_errno(errno, concat("cannot tell the service manager ", state));
  return {};
}

void tell_service_manager(std::string_view state) {
  if (auto told = notify_service_manager(state); !told) {
    log_warn("the service manager was not told", {{"state", state}, {"error", told.error()}});
  }
}

}  // namespace wrenn::base
