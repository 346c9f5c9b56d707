#include "storage/dm/loop_device.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "base/files.h"
#include "base/strings.h"

namespace wrenn::storage::dm {
namespace {

using base::Code;
using base::concat;
using base::Fd;
using base::Result;

constexpr const char* kControl = "/dev/loop-control";
// Somebody else may take the free one first.
constexpr int kAttempts = 64;

base::Path node_of(int number) {
  return concat("/dev/loop", number);
}

}  // namespace

Result<LoopDevice> attach_loop(int file, LoopAccess access, std::uint64_t bytes) {
  const auto control = base::open_file(kControl, O_RDWR);
  if (!control) {
    return base::fail(Code::kUnavailable,
                      concat("there are no loop devices: ", control.error().message),
                      "modprobe loop");
  }
  const bool is_read_only = access == LoopAccess::kReadOnly;
  loop_config config{};
  config.fd = static_cast<__u32>(file);
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  config.info.lo_sizelimit = bytes;
  if (is_read_only) config.info.lo_flags |= LO_FLAGS_READ_ONLY;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const int number = ::ioctl(control->get(), LOOP_CTL_GET_FREE);
    if (number < 0) return base::fail_errno(errno, "cannot get a loop device");
    WRENN_TRY_ASSIGN(Fd device, base::open_file(node_of(number), is_read_only ? O_RDONLY : O_RDWR));
    if (::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0) {
      return LoopDevice{makedev(LOOP_MAJOR, static_cast<unsigned>(number)), std::move(device)};
    }
    if (errno == EINVAL || errno == ENOTTY) {
      return base::fail(Code::kUnavailable, "this kernel sets up loop devices in another way",
                        "use Linux 5.8 or later");
    }
    if (errno != EBUSY) return base::fail_errno(errno, "cannot set a loop device up");
  }
  return base::fail(Code::kResourceExhausted, "every free loop device was taken by somebody else");
}

Result<ino_t> inode_behind(dev_t loop) {
  if (major(loop) != LOOP_MAJOR) {
    return base::fail(Code::kInternal, "a store of ours is on no loop device");
  }
  WRENN_TRY_ASSIGN(const Fd device,
                   base::open_file(node_of(static_cast<int>(minor(loop))), O_RDONLY));
  loop_info64 info{};
  if (::ioctl(device.get(), LOOP_GET_STATUS64, &info) != 0) {
    return base::fail_errno(errno, "cannot ask for the file of a loop device");
  }
  return info.lo_inode;
}

}  // namespace wrenn::storage::dm
