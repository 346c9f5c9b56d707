// wrenn-page-handler: brings one guest its saved memory, page by page. See page_handler.h.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include "base/strings.h"
#include "vm/firecracker/page_handler.h"
#include "vm/firecracker/page_server.h"

namespace {

using namespace wrenn;
using namespace wrenn::vm::firecracker;
using base::Result;

constexpr auto kCallDeadline = std::chrono::seconds(60);
// What a guest touches in its first seconds is what the next one will want at once.
constexpr auto kRecordAfter = std::chrono::seconds(10);

// There is no /proc here.
Result<std::string> read_descriptor(int fd, std::uint64_t max_bytes) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return base::fail_errno(errno, "fstat");
  if (static_cast<std::uint64_t>(info.st_size) > max_bytes) {
    return base::fail(base::Code::kDataLoss, "a file is too long");
  }
  std::string bytes(static_cast<std::size_t>(info.st_size), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n =
        ::pread(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::fail_errno(errno, "cannot read a file");
    if (n == 0) return base::fail(base::Code::kDataLoss, "a file is too short");
    done += static_cast<std::size_t>(n);
  }
  return bytes;
}

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

struct Job {
  PageSource source;
  PageList wanted;
};

Result<Job> prepare() {
  WRENN_TRY_ASSIGN(const std::string bytes, read_descriptor(kHandlerMapFd, base::kMaxSmallFile));
  WRENN_TRY_ASSIGN(vm::MemoryMap map, vm::parse_memory_map(bytes));
  std::vector<base::Fd> layers;
  for (int layer = 0; layer < map.layer_count; ++layer) {
    layers.emplace_back(kHandlerFirstLayerFd + layer);
  }
  PageList wanted;
  if (is_open(kHandlerWantedFd)) {
    WRENN_TRY_ASSIGN(const std::string list,
                     read_descriptor(kHandlerWantedFd, base::kMaxSmallFile));
    WRENN_TRY_ASSIGN(wanted, parse_page_list(list, map.memory_bytes));
  }
  return Job{PageSource(std::move(map), std::move(layers)), std::move(wanted)};
}

int complain(const base::Error& error) {
  std::fprintf(stderr, "wrenn-page-handler: %s\n", error.to_string().c_str());
  return 1;
}

int serve(const Accepted& peer, Job& job) {
  PageServer server(peer, job.source, std::move(job.wanted));
  if (is_open(kHandlerRecordFd)) server.record(kHandlerRecordFd, kRecordAfter);
  const auto served = server.run();
  return served ? 0 : complain(served.error());
}

// Waits for the one who serves; a VM whose server failed is ended.
int guard(const Accepted& peer, Job& job) {
  const base::Fd vm(static_cast<int>(::syscall(SYS_pidfd_open, peer.pid, 0)));
  if (!vm.valid()) return complain(base::errno_error(errno, "the VM cannot be watched"));
  const pid_t worker = ::fork();
  if (worker == 0) ::_exit(serve(peer, job));
  int status = 0;
  while (worker > 0 && ::waitpid(worker, &status, 0) < 0 && errno == EINTR) {
  }
  if (worker > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) return 0;
  std::fputs("wrenn-page-handler: the VM is ended, since nobody brings its memory\n", stderr);
  if (::syscall(SYS_pidfd_send_signal, vm.get(), SIGKILL, nullptr, 0) == 0 || errno == ESRCH) {
    return 1;
  }
  return complain(base::errno_error(errno, "the VM cannot be ended"));
}

}  // namespace

int main() {
  auto job = prepare();
  if (!job) return complain(job.error());
  const pid_t child = ::fork();
  if (child < 0) return complain(base::errno_error(errno, "cannot make a process"));
  if (child > 0) return 0;
  const auto peer = accept_handshake(kHandlerSocketFd, job->source.memory_bytes(), kCallDeadline);
  if (!peer) return complain(peer.error());
  return guard(*peer, *job);
}
