#include "vm/vm_socket.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <string>

#include "base/strings.h"

namespace wrenn::vm {
namespace {

using base::Code;
using base::concat;
using base::Result;

}  // namespace

Result<VmSocket> socket_in(const base::Path& directory, std::string_view name) {
  WRENN_TRY_ASSIGN(base::Fd file, base::open_file(directory, O_PATH | O_DIRECTORY));
  WRENN_TRY_ASSIGN(auto endpoint,
                   net::Endpoint::unix_socket(concat("/proc/self/fd/", file.get(), '/', name)));
  return VmSocket{std::move(file), std::move(endpoint)};
}

Result<VmSocket> socket_of(const base::Path& directory, std::string_view name, uid_t owner) {
  WRENN_TRY_ASSIGN(const base::Fd parent, base::open_file(directory, O_PATH | O_DIRECTORY));
  base::Fd file(::openat(parent.get(), std::string(name).c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!file.valid()) {
    if (errno != ENOENT) return base::fail_errno(errno, concat("cannot open the socket ", name));
    return base::fail(Code::kUnavailable, concat("there is no socket ", name, " yet"));
  }
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return base::fail_errno(errno, "fstat");
  if (!S_ISSOCK(info.st_mode) || info.st_uid != owner) {
    return base::fail(Code::kPermissionDenied,
                      concat("what lies in place of the socket ", name, " is something else"));
  }
  WRENN_TRY_ASSIGN(auto endpoint, net::Endpoint::unix_socket(concat("/proc/self/fd/", file.get())));
  return VmSocket{std::move(file), std::move(endpoint)};
}

Result<base::Fd> listen_in(const base::Path& directory, std::string_view name) {
  WRENN_TRY_ASSIGN(const VmSocket address, socket_in(directory, name));
  WRENN_TRY_ASSIGN(base::Fd socket, address.endpoint.make_socket());
  if (const int error = address.endpoint.bind(socket.get()); error != 0) {
    return base::fail_errno(error, concat("cannot make the socket ", name, " of a VM"));
  }
  constexpr int kBacklog = 8;
  if (::listen(socket.get(), kBacklog) != 0) return base::fail_errno(errno, "listen");
  return socket;
}

}  // namespace wrenn::vm
