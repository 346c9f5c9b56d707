// Loop devices: files as block devices. They need no sweeping: each goes by itself when the last
// who has it open lets it go, which is device-mapper.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/fd.h"
#include "base/result.h"

namespace wrenn::storage::dm {

enum class LoopAccess { kReadOnly, kReadWrite };

struct LoopDevice {
  dev_t number = 0;
  base::Fd open;  // It is there as long as this is open, or it is used.
};

// A device for the open file, which stays the caller's; of so many of its first bytes (0: of all).
// kUnavailable with a remedy where the kernel has none. Blocking.
base::Result<LoopDevice> attach_loop(int file, LoopAccess access, std::uint64_t bytes = 0);

// The inode of the file that lies behind a device, whatever its name is by now. Blocking.
base::Result<ino_t> inode_behind(dev_t loop);

}  // namespace wrenn::storage::dm
