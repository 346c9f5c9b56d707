// QMP: QEMU's control protocol, as much of it as Wrenn needs.
// https://www.qemu.org/docs/master/interop/qmp-spec.html
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/files.h"
#include "net/stream.h"

namespace wrenn::vm {

// One connection, used by one task at a time. What QEMU answers is treated as hostile: sizes are
// limited, and nothing of it is believed but success or failure of a command.
class Qmp {
 public:
  // Connects and negotiates; kUnavailable when QEMU is not there.
  static net::Task<base::Result<std::unique_ptr<Qmp>>> connect(base::Path socket);

  // `arguments` is a JSON object, or empty. Returns the "return" member as JSON text; QEMU's error
  // becomes kFailedPrecondition.
  net::Task<base::Result<std::string>> execute(std::string command, std::string arguments = {});

 private:
  explicit Qmp(std::unique_ptr<net::Stream> stream) : stream_(std::move(stream)) {}
  net::Task<base::Result<std::string>> read_line();

  std::unique_ptr<net::Stream> stream_;
  std::string received_;
};

}  // namespace wrenn::vm
