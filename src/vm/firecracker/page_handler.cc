#include "vm/firecracker/page_handler.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"
#include "vm/vm_socket.h"

namespace wrenn::vm::firecracker {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr const char* kInJail = "/wrenn-page-handler";

// Firecracker, which is this user, connects.
Result<base::Fd> make_socket(const VmSpec& spec) {
  WRENN_TRY_ASSIGN(base::Fd socket, listen_in(spec.directory, kHandlerSocket));
  const base::Path path = spec.directory / kHandlerSocket;
  if (::lchown(path.c_str(), spec.uid, spec.uid) != 0) {
    return base::fail_errno(errno, "cannot give a socket to its VM");
  }
  return socket;
}

}  // namespace

Result<void> start_page_handler(const base::Path& program, const VmSpec& spec,
                                const MemoryImage& memory, int log_fd) {
  WRENN_TRY_ASSIGN(const base::Fd socket, make_socket(spec));
  base::JailSpec jail;
  jail.argv = {kInJail};
  base::add_system_files(jail);
  jail.binds.push_back({program, kInJail});
  jail.credentials = base::Credentials{spec.uid, spec.uid, {}};
  jail.netns_fd = spec.netns_fd;
  jail.new_ipc_namespace = true;
  jail.new_uts_namespace = true;
  // No pid namespace of its own: it must be able to end the VM.
  jail.cgroup_procs = spec.cgroup_procs;
  // Less than the VM's: without it the VM is of no use either.
  jail.oom_score_adj = 400;
  std::vector<base::Fd> files;
  const auto pass = [&](base::Fd file, int as) {
    jail.fds.push_back({file.get(), as});
    files.push_back(std::move(file));
  };
  jail.fds = {{socket.get(), kHandlerSocketFd}, {log_fd, 1}, {log_fd, 2}};
  WRENN_TRY_ASSIGN(base::Fd map, base::open_file(memory.map, O_RDONLY));
  pass(std::move(map), kHandlerMapFd);
  if (auto wanted = base::open_file(memory.working_set, O_RDONLY)) {
    pass(*std::move(wanted), kHandlerWantedFd);
  } else {
    WRENN_TRY_ASSIGN(base::Fd record,
                     base::open_file(spec.directory / kHandlerRecord,
                                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    pass(std::move(record), kHandlerRecordFd);
  }
  for (const auto& path : memory.layers) {
    WRENN_TRY_ASSIGN(base::Fd layer, base::open_file(path, O_RDONLY));
    const auto index = &path - memory.layers.data();
    pass(std::move(layer), kHandlerFirstLayerFd + static_cast<int>(index));
  }
  WRENN_TRY_ASSIGN(const auto child, base::spawn(jail));
  // It goes on in a child of its own when it is ready.
  constexpr auto kTimeout = std::chrono::seconds(10);
  WRENN_TRY_ASSIGN(const auto ended, base::reap(child, kTimeout));
  if (ended.code == 0 && ended.signal == 0) return {};
  return base::fail(Code::kInternal, "the handler of a VM's page faults does not start");
}

}  // namespace wrenn::vm::firecracker
