#include "cli/launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "base/strings.h"
#include "cli/log_tail.h"
#include "cli/programs.h"
#include "cli/progress.h"

namespace wrenn::cli {
namespace {

constexpr int kReadyFd = 3;
// A database other than the file in the state directory: the control plane's secret.
constexpr std::string_view kDatabaseVariable = "WRENN_DATABASE_URL=";
// What these begin with is the control plane's own: secrets, how mail is sent, who says who people
// are.
constexpr std::array<std::string_view, 6> kControlVariables = {
    kDatabaseVariable, "WRENN_ENCRYPTION_KEY=", "WRENN_SMTP_", "SMTP_", "WRENN_OAUTH_", "OAUTH_"};
constexpr base::Duration kTick = std::chrono::milliseconds(100);
constexpr base::Duration kControlStart = std::chrono::seconds(30);
// A first start may probe the accelerator and boot a template.
constexpr base::Duration kAgentStart = std::chrono::minutes(5);

sigset_t ending_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&set, signal);
  return set;
}

enum class Readiness { kReady, kDied, kInterrupted, kTooLate };

// What of the readiness pipe, the process and the user comes first.
class ReadyWait {
 public:
  ReadyWait(int ready_fd, int pidfd, int interrupt_fd)
      : polls_{{{ready_fd, POLLIN, 0}, {pidfd, POLLIN, 0}, {interrupt_fd, POLLIN, 0}}} {}

  template <class F>
  Readiness run(base::SteadyTime deadline, F on_tick) {
    while (base::steady_now() < deadline) {
      on_tick();
      if (::poll(polls_.data(), polls_.size(), static_cast<int>(base::to_ms(kTick))) <= 0) continue;
      if (polls_[2].revents != 0) return Readiness::kInterrupted;
      if (polls_[0].revents != 0 && !read_pipe()) polls_[0].fd = -1;
      if (text_.find("ready\n") != std::string::npos) return Readiness::kReady;
      if (polls_[1].revents != 0) return Readiness::kDied;
    }
    return Readiness::kTooLate;
  }

 private:
  // False at the end of the pipe.
  bool read_pipe() {
    std::array<char, 64> buffer;
    const ssize_t n = ::read(polls_[0].fd, buffer.data(), buffer.size());
    if (n > 0) text_.append(buffer.data(), static_cast<std::size_t>(n));
    return n > 0 || (n < 0 && errno == EINTR);
  }

  std::array<pollfd, 3> polls_;
  std::string text_;
};

void kill_child(const base::ChildProcess& child) {
  for (const int signal : {SIGTERM, SIGKILL}) {
    [[maybe_unused]] const auto sent = base::signal_process(child.identity, signal);
    if (base::reap(child, std::chrono::seconds(10))) return;
  }
}

std::unexpected<base::Error> start_error(Readiness readiness, std::string_view name,
                                         const base::ChildProcess& child, const LogTail& tail,
                                         const base::Path& log) {
  if (readiness == Readiness::kInterrupted) {
    kill_child(child);
    return base::fail(base::Code::kCanceled, "interrupted");
  }
  std::string message;
  if (readiness == Readiness::kTooLate) {
    kill_child(child);
    message = base::concat(name, " did not become ready in time");
  } else {
    const auto status = base::reap(child, std::chrono::seconds(1));
    message = base::concat(name, ' ', status ? describe(*status) : "ended", " before it was ready");
  }
  const std::string lines = tail.last_lines();
  if (!lines.empty()) message += base::concat("; the last it wrote:\n", lines);
  while (message.ends_with('\n')) message.pop_back();
  return base::fail(base::Code::kFailedPrecondition, std::move(message),
                    base::concat("`wrenn doctor` says what this machine is missing; the whole log "
                                 "is ",
                                 log.native()));
}

void bind_if_present(base::JailSpec& spec, const char* path, base::MountAccess access) {
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) spec.binds.push_back({path, path, access});
}

}  // namespace

base::Result<Interrupts> Interrupts::create() {
  const sigset_t set = ending_signals();
  if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0) {
    return base::fail_errno(error, "cannot block signals");
  }
  base::Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return base::fail_errno(errno, "cannot listen for signals");
  return Interrupts(std::move(fd));
}

Interrupts::~Interrupts() {
  if (!fd_.valid()) return;
  // What was waiting has been dealt with by whoever polled.
  signalfd_siginfo info{};
  while (::read(fd_.get(), &info, sizeof info) == sizeof info) {
  }
  const sigset_t set = ending_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

base::Result<base::ProcessIdentity> Launcher::start(Part part, base::JailSpec spec,
                                                    std::string label, base::Duration limit) {
  const base::Path log = dir_.log(part);
  const std::string name = part == Part::kAgent ? "wrenn-agent" : "wrenn-cp";
  WRENN_TRY_ASSIGN(const base::Fd log_fd,
                   base::open_file(log, O_WRONLY | O_CREAT | O_APPEND, 0640));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return base::fail_errno(errno, "cannot make a pipe");
  const base::Fd reading(ends[0]);
  base::Fd writing(ends[1]);
  spec.argv.insert(spec.argv.end(), {"--ready-fd", base::concat(kReadyFd)});
  spec.fds = {
      {log_fd.get(), STDOUT_FILENO}, {log_fd.get(), STDERR_FILENO}, {writing.get(), kReadyFd}};
  spec.max_open_files = kServerFiles;

  LogTail tail(log);
  StepDisplay display(console_, std::move(label));
  WRENN_TRY_ASSIGN(const base::ChildProcess child, base::spawn(spec));
  writing.reset();
  // Before it is ready: `wrenn down` must find it even if we are killed now.
  WRENN_TRY(dir_.write_pid(part, child.identity));
  const auto follow = [&] {
    tail.poll([&](std::string_view line) { display.detail(log_message(line)); });
    display.tick();
  };
  const Readiness readiness = ReadyWait(reading.get(), child.pidfd.get(), interrupts_.fd())
                                  .run(base::steady_now() + limit, follow);
  if (readiness == Readiness::kReady) {
    display.succeed();
    return child.identity;
  }
  follow();
  auto error = start_error(readiness, name, child, tail, log);
  dir_.remove_pid(part);
  return error;
}

base::Result<base::ProcessIdentity> Launcher::start_agent() {
  base::JailSpec spec;
  spec.argv = {programs_.agent.native(), "serve", "--dir", dir_.root().native()};
  spec.env = child_environment();
  std::erase_if(spec.env, [](const auto& entry) {
    return std::ranges::any_of(kControlVariables,
                               [&entry](auto start) { return entry.starts_with(start); });
  });
  // Its work is namespaces, mounts and cgroups: it keeps our privileges, and jails what it starts.
  spec.root = base::JailRoot::kHost;
  return start(Part::kAgent, std::move(spec), "Starting the host agent", kAgentStart);
}

base::JailSpec Launcher::control_jail() const {
  using base::MountAccess;
  base::JailSpec spec;
  spec.argv = {"/wrenn-cp"};
  spec.env = {"PATH=/usr/bin:/bin", base::concat("HOME=", dir_.control().native()),
              base::concat("SQLITE_TMPDIR=", dir_.control().native())};
  for (const auto& entry : child_environment()) {
    if (entry.starts_with("WRENN_") || entry.starts_with("SMTP_") || entry.starts_with("OAUTH_") ||
        entry.starts_with("CP_PUBLIC_URL=") || entry.starts_with("TZ=") ||
        entry.starts_with("LOG_LEVEL=") || entry.starts_with("LOG_FORMAT=")) {
      spec.env.push_back(entry);
    }
  }
  base::add_system_files(spec);
  for (const char* path :
       {"/etc/ssl", "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/localtime"}) {
    bind_if_present(spec, path, MountAccess::kReadOnly);
  }
  for (const char* path : {"/dev/null", "/dev/urandom"}) {
    bind_if_present(spec, path, MountAccess::kDevice);
  }
  // Nobody else's: what the control plane takes of the machine is among its metrics.
  spec.binds.push_back({"/proc/self", "/proc/self", MountAccess::kReadOnly});
  spec.binds.push_back({programs_.control, "/wrenn-cp", MountAccess::kReadOnly});
  // The directory, not the socket: an agent that is started anew makes a new one.
  spec.binds.push_back({dir_.run(), dir_.run(), MountAccess::kReadOnly});
  spec.binds.push_back({dir_.control(), dir_.control(), MountAccess::kReadWrite});
  spec.credentials = base::Credentials{.uid = kControlUser, .gid = kControlUser};
  spec.new_ipc_namespace = true;
  return spec;
}

void Launcher::add_database(base::JailSpec& spec) const {
  const bool is_elsewhere = std::ranges::any_of(
      spec.env, [](const auto& entry) { return entry.starts_with(kDatabaseVariable); });
  if (is_elsewhere) return;  // An argument could be read by everybody.
  spec.argv.insert(spec.argv.end(), {"--db", dir_.database().native()});
}

base::Result<base::ProcessIdentity> Launcher::start_control(const std::string& listen,
                                                            const std::string& proxy_listen) {
  base::JailSpec spec = control_jail();
  spec.argv.insert(spec.argv.end(),
                   {"serve", "--dir", dir_.root().native(), "--listen", listen, "--proxy-listen",
                    proxy_listen, "--agent", base::concat("unix:", dir_.agent_socket().native()),
                    "--agent-proxy", base::concat("unix:", dir_.agent_proxy_socket().native())});
  add_database(spec);
  return start(Part::kControl, std::move(spec), "Starting the control plane", kControlStart);
}

base::Result<std::string> Launcher::ask_control(const std::vector<std::string>& arguments,
                                                std::string_view what) {
  base::JailSpec spec = control_jail();
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  add_database(spec);
  const base::Path log = dir_.log(Part::kControl);
  WRENN_TRY_ASSIGN(const base::Fd log_fd,
                   base::open_file(log, O_WRONLY | O_CREAT | O_APPEND, 0640));
  LogTail tail(log);
  WRENN_TRY_ASSIGN(const Captured captured,
                   capture(std::move(spec), log_fd.get(), std::chrono::seconds(30)));
  std::string answer(base::trim(captured.output));
  const bool is_word = answer.find_first_of(" \n\t") == std::string::npos;
  if (captured.status.signal != 0 || captured.status.code != 0 || !is_word) {
    tail.poll([](std::string_view) {});
    return base::fail(base::Code::kInternal,
                      base::concat("cannot make ", what, ": wrenn-cp ", describe(captured.status),
                                   "\n", tail.last_lines()),
                      base::concat("the log is ", log.native()));
  }
  return answer;
}

base::Result<base::Secret> Launcher::create_key() {
  WRENN_TRY_ASSIGN(std::string key,
                   ask_control({"key", "create", "--name", "local"}, "an API key"));
  if (key.empty()) return base::fail(base::Code::kInternal, "wrenn-cp printed no API key");
  return base::Secret(std::move(key));
}

base::Result<base::Secret> Launcher::create_first_user(const std::string& email) {
  WRENN_TRY_ASSIGN(std::string password,
                   ask_control({"user", "create", email, "--name", "Administrator", "--if-first"},
                               "the first user"));
  return base::Secret(std::move(password));
}

base::Result<bool> stop(const ServerDir& dir, Part part, base::Duration patience) {
  const auto process = dir.running(part);
  if (process) {
    WRENN_TRY(base::signal_process(*process, SIGTERM));
    if (!base::wait_gone(*process, static_cast<int>(base::to_ms(patience)))) {
      WRENN_TRY(base::signal_process(*process, SIGKILL));
      if (!base::wait_gone(*process, 10'000)) {
        return base::fail(base::Code::kInternal,
                          base::concat("process ", process->pid, " cannot be killed"));
      }
    }
  }
  dir.remove_pid(part);
  return process.has_value();
}

}  // namespace wrenn::cli
