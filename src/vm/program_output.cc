#include "vm/program_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/files.h"
#include "base/jail.h"
#include "base/strings.h"

namespace wrenn::vm {

base::Result<std::string> output_of(std::vector<std::string> argv) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return base::fail_errno(errno, "cannot make a pipe");
  const base::Fd from_child(pipe[0]);
  base::Fd to_us(pipe[1]);
  base::JailSpec spec;
  spec.argv = std::move(argv);
  spec.root = base::JailRoot::kHost;
  spec.fds = {{to_us.get(), 1}};
  WRENN_TRY_ASSIGN(const auto child, base::spawn(spec));
  to_us.reset();
  WRENN_TRY_ASSIGN(std::string text,
                   base::read_file(base::concat("/proc/self/fd/", from_child.get())));
  WRENN_TRY(base::reap(child, std::chrono::seconds(5)));
  return text;
}

}  // namespace wrenn::vm
