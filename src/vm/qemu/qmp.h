// QMP: QEMU's control protocol, as much of it as Wrenn needs.
// https://www.qemu.org/docs/master/interop/qmp-spec.html
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/files.h"
#include "net/stream.h"

namespace wrenn::vm {

// Makes the socket that QEMU will answer on, in the VM's directory. Blocking.
base::Result<base::Fd> listen_for_qmp(const base::Path& vm_directory);

// One connection, used by one task at a time. What QEMU answers is treated as hostile: sizes are
// limited, and nothing of it is believed but success or failure of a command.
class Qmp {
 public:
  // Connects and negotiates; kUnavailable when QEMU is not there. QEMU need not have started yet.
  static net::Task<base::Result<std::unique_ptr<Qmp>>> connect(base::Path vm_directory);

  // `arguments` is a JSON object, or empty. Returns the "return" member as JSON text; QEMU's error
  // becomes kFailedPrecondition.
  net::Task<base::Result<std::string>> execute(std::string command, std::string arguments = {});
  // Until the guest runs: for a VM that is just being restored.
  net::Task<base::Result<void>> wait_until_running();

 private:
  explicit Qmp(std::unique_ptr<net::Stream> stream) : stream_(std::move(stream)) {}
  net::Task<base::Result<std::string>> read_line();

  std::unique_ptr<net::Stream> stream_;
  std::string received_;
  // QEMU may send this event before the reply to a query-status that it answered earlier, with
  // "not running".
  bool has_resumed_ = false;
};

}  // namespace wrenn::vm
