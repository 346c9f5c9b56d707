#include "vm/device_node.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"

namespace wrenn::vm {

base::Result<base::Path> device_node(const base::Path& host_device, const base::Path& directory) {
  struct stat host{};
  if (::stat(host_device.c_str(), &host) != 0 || !S_ISCHR(host.st_mode)) return base::Path();
  const base::Path node = directory / host_device.filename();
  ::unlink(node.c_str());
  if (::mknod(node.c_str(), S_IFCHR | 0600, host.st_rdev) != 0 ||
      ::chown(node.c_str(), 0, kDeviceGroup) != 0 || ::chmod(node.c_str(), 0660) != 0) {
    return base::fail_errno(errno, base::concat("cannot make ", node.native()));
  }
  return node;
}

}  // namespace wrenn::vm
