#include "envd/process/child_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/files.h"

namespace wrenn::envd {
namespace {

struct Pipe {
  base::Fd read;
  base::Fd write;
};

base::Result<Pipe> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return base::fail_errno(errno, "cannot make a pipe");
  return Pipe{base::Fd(fds[0]), base::Fd(fds[1])};
}

base::Result<std::shared_ptr<net::IoFd>> open_output(net::Loop& loop, base::Fd& child_side) {
  WRENN_TRY_ASSIGN(Pipe pipe, make_pipe());
  child_side = std::move(pipe.write);
  WRENN_TRY_ASSIGN(net::IoFd io, net::IoFd::create(loop, std::move(pipe.read)));
  return std::make_shared<net::IoFd>(std::move(io));
}

base::Result<void> open_input(net::Loop& loop, ChildFiles& files) {
  WRENN_TRY_ASSIGN(Pipe pipe, make_pipe());
  files.in = std::move(pipe.read);
  WRENN_TRY_ASSIGN(files.input, net::Stream::adopt(loop, std::move(pipe.write)));
  return {};
}

base::Result<ChildFiles> open_terminal(net::Loop& loop, const process::PTY::Size& requested,
                                       uid_t owner) {
  WRENN_TRY_ASSIGN(const TerminalSize size, TerminalSize::from(requested));
  WRENN_TRY_ASSIGN(Pty::Opened opened, Pty::open(loop, size, owner));
  ChildFiles files;
  files.in = std::move(opened.child_side);
  files.output = std::shared_ptr<net::IoFd>(opened.pty, &opened.pty->io());
  files.input = std::move(opened.pty);
  return files;
}

}  // namespace

base::Result<ChildFiles> open_child_files(net::Loop& loop, const process::StartRequest& request,
                                          uid_t owner) {
  if (request.has_pty()) return open_terminal(loop, request.pty().size(), owner);
  ChildFiles files;
  if (!request.has_stdin() || request.stdin()) {
    WRENN_TRY(open_input(loop, files));
  } else {
    WRENN_TRY_ASSIGN(files.in, base::open_file("/dev/null", O_RDONLY));
  }
  WRENN_TRY_ASSIGN(files.output, open_output(loop, files.out));
  WRENN_TRY_ASSIGN(files.error_output, open_output(loop, files.err));
  return files;
}

}  // namespace wrenn::envd
