#include "cli/programs.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "base/strings.h"

extern char** environ;

namespace wrenn::cli {
namespace {

constexpr std::size_t kMaxOutput = 1 << 20;
constexpr std::string_view kUsualPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

bool is_executable(const base::Path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored) && ::access(path.c_str(), X_OK) == 0;
}

// Until the end of the pipe, the limit of bytes, or the deadline; false for the last two.
bool read_until(int fd, base::SteadyTime deadline, std::string& out) {
  std::array<char, 16 * 1024> buffer;
  while (out.size() < kMaxOutput) {
    const auto left = base::to_ms(deadline - base::steady_now());
    if (left <= 0) return false;
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, static_cast<int>(left)) <= 0) continue;
    const ssize_t n = ::read(fd, buffer.data(), buffer.size());
    if (n == 0) return true;
    if (n > 0) out.append(buffer.data(), static_cast<std::size_t>(n));
    if (n < 0 && errno != EINTR) return false;
  }
  return false;
}

}  // namespace

base::Result<base::Path> find_program(std::string_view name) {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error && is_executable(self.parent_path() / name)) return self.parent_path() / name;
  const char* path = std::getenv("PATH");
  for (const auto dir : base::split(path != nullptr ? path : kUsualPath, ':')) {
    if (dir.starts_with('/') && is_executable(base::Path(dir) / name)) {
      return base::Path(dir) / name;
    }
  }
  return base::fail(base::Code::kNotFound, base::concat("the program ", name, " is missing"),
                    base::concat("build it with `make build`; it belongs beside this one, in ",
                                 self.parent_path().native()));
}

std::vector<std::string> child_environment() {
  std::vector<std::string> kept;
  bool has_path = false;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::string_view name = text.substr(0, text.find('='));
    const bool is_ours = (name.starts_with("WRENN_") && name != "WRENN_API_KEY") ||
                         name.starts_with("SMTP_") || name.starts_with("OAUTH_") ||
                         name == "CP_PUBLIC_URL";
    const bool is_usual = name == "PATH" || name == "HOME" || name == "LANG" || name == "LC_ALL" ||
                          name == "TZ" || name == "TERM" || name == "NO_COLOR" ||
                          name == "LOG_LEVEL" || name == "LOG_FORMAT";
    if (is_ours || is_usual) kept.emplace_back(text);
    has_path |= name == "PATH";
  }
  if (!has_path) kept.push_back(base::concat("PATH=", kUsualPath));
  return kept;
}

base::Result<base::ExitStatus> run_program(std::vector<std::string> argv) {
  base::JailSpec spec;
  spec.argv = std::move(argv);
  spec.env = child_environment();
  spec.root = base::JailRoot::kHost;
  spec.new_session = false;
  spec.max_open_files = kServerFiles;
  for (const int fd : {0, 1, 2}) spec.fds.push_back({fd, fd});
  WRENN_TRY_ASSIGN(const base::ChildProcess child, base::spawn(spec));
  return base::reap(child, std::chrono::hours(1));
}

base::Result<Captured> capture(base::JailSpec spec, int stderr_fd, base::Duration limit) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return base::fail_errno(errno, "cannot make a pipe");
  const base::Fd reading(ends[0]);
  base::Fd writing(ends[1]);
  spec.fds.push_back({writing.get(), STDOUT_FILENO});
  spec.fds.push_back({stderr_fd, STDERR_FILENO});
  WRENN_TRY_ASSIGN(const base::ChildProcess child, base::spawn(spec));
  writing.reset();

  const base::SteadyTime deadline = base::steady_now() + limit;
  Captured captured;
  const bool ended = read_until(reading.get(), deadline, captured.output);
  auto status = base::reap(child, ended ? std::chrono::seconds(5) : base::Duration::zero());
  if (!status) {
    [[maybe_unused]] const auto killed = base::signal_process(child.identity, SIGKILL);
    [[maybe_unused]] const auto reaped = base::reap(child, std::chrono::seconds(5));
    return base::fail(base::Code::kDeadlineExceeded,
                      base::concat(spec.argv.front(), " did not finish in time"));
  }
  captured.status = *status;
  return captured;
}

std::string describe(const base::ExitStatus& status) {
  return status.signal != 0 ? base::concat("was killed by signal ", status.signal)
                            : base::concat("ended with status ", status.code);
}

}  // namespace wrenn::cli
