#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ctime>

#include "base/strings.h"
#include "bench/envd/cases.h"
#include "net/endpoint.h"

namespace wrenn::bench {
namespace {

// A program that ends with this object.
class Program {
 public:
  static Result<Program> start(std::vector<std::string> words) {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t files;
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid, argv[0], &files, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&files);
    if (error != 0) return base::fail_errno(error, base::concat("start ", words[0]));
    return Program(pid);
  }
  Program(Program&& other) noexcept : pid_(std::exchange(other.pid_, 0)) {}
  Program& operator=(Program&&) = delete;
  ~Program() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }
  bool has_ended() const { return ::waitpid(pid_, nullptr, WNOHANG) == pid_; }

 private:
  explicit Program(pid_t pid) : pid_(pid) {}
  pid_t pid_;
};

Result<std::uint16_t> free_port() {
  WRENN_TRY_ASSIGN(const auto any, net::Endpoint::tcp("127.0.0.1", 0));
  WRENN_TRY_ASSIGN(const base::Fd probe, any.make_socket());
  if (const int error = any.bind(probe.get()); error != 0) return base::fail_errno(error, "bind");
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return base::fail_errno(errno, "getsockname");
  return ntohs(address.sin_port);
}

// Loopback: the answer is there at once, whichever it is.
Result<bool> connects(const net::Endpoint& endpoint) {
  WRENN_TRY_ASSIGN(const base::Fd socket, endpoint.make_socket());
  const int error = endpoint.connect(socket.get());
  if (error != 0 && error != EINPROGRESS) return false;
  pollfd wait{.fd = socket.get(), .events = POLLOUT, .revents = 0};
  if (::poll(&wait, 1, 1000) != 1) return false;
  return (wait.revents & (POLLERR | POLLHUP)) == 0;
}

Result<double> start_once(const std::string& path) {
  WRENN_TRY_ASSIGN(const std::uint16_t port, free_port());
  WRENN_TRY_ASSIGN(const auto endpoint, net::Endpoint::tcp("127.0.0.1", port));
  const auto begin = base::steady_now();
  WRENN_TRY_ASSIGN(const Program program, Program::start({path, "--port", base::concat(port)}));
  while (true) {
    WRENN_TRY_ASSIGN(const bool listens, connects(endpoint));
    const double ms = us_since(begin) / 1000;
    if (listens) return ms;
    if (program.has_ended() || ms > 10'000) {
      return base::fail(base::Code::kUnavailable, base::concat(path, " does not listen"),
                        "it must take --port PORT and listen on 127.0.0.1 too");
    }
    // Not so often that the program has to wait for us.
    const timespec pause{.tv_sec = 0, .tv_nsec = 50'000};
    ::nanosleep(&pause, nullptr);
  }
}

}  // namespace

Result<Figures> start_to_listening(const std::string& program, std::size_t count) {
  std::vector<double> times;
  for (std::size_t i = 0; i < count; ++i) {
    WRENN_TRY_ASSIGN(const double ms, start_once(program));
    times.push_back(ms);
  }
  return percentiles(std::move(times), "ms");
}

}  // namespace wrenn::bench
