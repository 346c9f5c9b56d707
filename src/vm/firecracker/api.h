// Api: the line to one Firecracker, over the Unix socket in its VM's directory.
#pragma once

#include <string>

#include "base/files.h"
#include "base/time.h"
#include "net/task.h"
#include "vm/firecracker/request.h"

namespace wrenn::vm::firecracker {

// In the VM's directory; Firecracker makes it.
inline constexpr const char* kApiSocket = "api.sock";

// Most calls are answered at once.
inline constexpr auto kShortCall = std::chrono::seconds(10);
// These write or read a whole memory.
inline constexpr auto kLongCall = std::chrono::minutes(10);

struct ApiOptions {
  base::Path directory;  // Of the VM.
  uid_t uid = 0;         // Who must own the socket: the user that Firecracker runs as.
};

// One call on a connection of its own, answered before the deadline; the body of the answer. The
// socket is that of the VM's user and nothing else, whatever its name leads to. kUnavailable when
// nobody answers; kDeadlineExceeded; what Firecracker refuses is kFailedPrecondition with its
// reason, and kInternal is an answer that is not of HTTP or of the API.
net::Task<base::Result<std::string>> ask(ApiOptions options, ApiCall call,
                                         base::Duration deadline = kShortCall);

}  // namespace wrenn::vm::firecracker
