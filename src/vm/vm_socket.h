// Unix sockets in a VM's directory, however long the directory's path is. Blocking, but quick.
//
// The directory is the VM's: a hypervisor that was broken into can put anything there.
#pragma once

#include <sys/types.h>

#include <string_view>

#include "base/files.h"
#include "net/endpoint.h"

namespace wrenn::vm {

// The endpoint is good for as long as the file is open.
struct VmSocket {
  base::Fd file;
  net::Endpoint endpoint;
};

// By its name in the directory, whatever that leads to.
base::Result<VmSocket> socket_in(const base::Path& directory, std::string_view name);
// The very socket that lies there now. kUnavailable when there is nothing; kPermissionDenied when
// it is no socket, or not of this user.
base::Result<VmSocket> socket_of(const base::Path& directory, std::string_view name, uid_t owner);
// Makes one there and listens.
base::Result<base::Fd> listen_in(const base::Path& directory, std::string_view name);

}  // namespace wrenn::vm
