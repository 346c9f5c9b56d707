#include "envd/process_table.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "base/strings.h"
#include "envd/output_pump.h"
#include "envd/spawn.h"

namespace wrenn::envd {
namespace {

using base::Code;
using net::Task;

constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

struct Pipe {
  base::Fd read;
  base::Fd write;
};

base::Result<Pipe> make_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) return base::fail_errno(errno, "cannot make a pipe");
  return Pipe{base::Fd(fds[0]), base::Fd(fds[1])};
}

bool has_nul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

// The last one wins.
std::map<std::string, std::string> make_environment(const process::ProcessConfig& config,
                                                    const GuestSettings& settings,
                                                    const User& user) {
  const char* path = std::getenv("PATH");
  std::map<std::string, std::string> env = {
      {"PATH", path != nullptr ? std::string(path) : std::string(kDefaultPath)},
      {"HOME", user.home},
      {"USER", user.name},
      {"LOGNAME", user.name},
      {"SHELL", user.shell},
  };
  for (const auto& [name, value] : settings.env) env[name] = value;
  for (const auto& [name, value] : config.envs()) env[name] = value;
  return env;
}

base::Result<void> check_config(const process::ProcessConfig& config) {
  if (config.cmd().empty()) return base::fail(Code::kInvalidArgument, "cmd is empty");
  bool nul = has_nul(config.cmd());
  for (const std::string& arg : config.args()) nul = nul || has_nul(arg);
  for (const auto& [name, value] : config.envs()) {
    nul = nul || has_nul(name) || has_nul(value);
    if (name.empty() || name.find('=') != std::string::npos) {
      return base::fail(Code::kInvalidArgument,
                        base::concat("'", name, "' cannot name an environment variable"));
    }
  }
  if (!nul) return {};
  return base::fail(Code::kInvalidArgument, "a command cannot contain a NUL byte");
}

std::vector<std::string> find_candidates(const std::string& cmd, std::string_view path) {
  if (cmd.find('/') != std::string::npos) return {cmd};
  std::vector<std::string> candidates;
  for (const std::string_view directory : base::split(path, ':')) {
    candidates.push_back(base::concat(directory.empty() ? "." : directory, '/', cmd));
  }
  return candidates;
}

base::Result<SpawnSpec> make_spec(const process::ProcessConfig& config,
                                  const GuestSettings& settings, const Actor& actor) {
  WRENN_TRY(check_config(config));
  const auto env = make_environment(config, settings, actor.user);
  SpawnSpec spec;
  spec.program_candidates = find_candidates(config.cmd(), env.at("PATH"));
  spec.argv.push_back(config.cmd());
  spec.argv.insert(spec.argv.end(), config.args().begin(), config.args().end());
  for (const auto& [name, value] : env) spec.env.push_back(base::concat(name, '=', value));
  WRENN_TRY_ASSIGN(const base::Path directory, actor.resolve(config.cwd()));
  spec.directory = directory.native();
  // Nobody chose a home that is missing, so it is no reason to refuse.
  const bool is_chosen = !config.cwd().empty() || !settings.default_workdir.empty();
  if (!is_chosen && ::access(spec.directory.c_str(), F_OK) != 0) spec.directory = "/";
  spec.uid = actor.user.uid;
  spec.gid = actor.user.gid;
  spec.groups = actor.groups;
  return spec;
}

std::string signal_text(int number) {
  switch (number) {
    case SIGKILL:
      return "killed";
    case SIGTERM:
      return "terminated";
    case SIGINT:
      return "interrupt";
    case SIGSEGV:
      return "segmentation fault";
    case SIGABRT:
      return "aborted";
    default: {
      const char* name = ::sigabbrev_np(number);
      return name != nullptr ? base::concat("SIG", name) : base::concat("signal ", number);
    }
  }
}

process::ProcessEvent make_end_event(const siginfo_t& info) {
  process::ProcessEvent event;
  auto& end = *event.mutable_end();
  end.set_exited(info.si_code == CLD_EXITED);
  if (end.exited()) {
    end.set_exit_code(info.si_status);
    end.set_status(base::concat("exit status ", info.si_status));
  } else {
    end.set_exit_code(128 + info.si_status);
    end.set_status(base::concat("signal: ", signal_text(info.si_status)));
  }
  return event;
}

void kill_group(const GuestProcess& process) {
  if (const auto killed = process.signal(SIGKILL); !killed) {
    base::log_error("a command cannot be killed", {{"error", killed.error()}});
  }
}

// Waits for the exit and takes its status. When the agent stops, the command is killed first.
Task<siginfo_t> wait_exit(GuestProcess& process) {
  if (const auto exited = co_await net::wait_readable(process.pidfd()); !exited) {
    const bool is_stop = exited.error().code == Code::kCanceled;
    if (!is_stop) base::log_error("a command cannot be watched", {{"error", exited.error()}});
    kill_group(process);
  }
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(process.pidfd()), &info, WEXITED) != 0) {
    if (errno != EINTR) break;
  }
  co_return info;
}

Task<void> pump_output(OutputPump& pump) {
  co_await pump.run();
}

}  // namespace

struct ProcessTable::Outputs {
  Outputs(GuestProcess& process, std::unique_ptr<net::Stream> out, std::unique_ptr<net::Stream> err)
      : out_pump(process, OutputKind::kStdout, std::move(out)),
        err_pump(process, OutputKind::kStderr, std::move(err)) {}
  OutputPump out_pump;
  OutputPump err_pump;
};

base::Result<std::unique_ptr<Follower>> ProcessTable::start(const process::StartRequest& request,
                                                            const GuestSettings& settings,
                                                            const Actor& actor) {
  if (scope_.running() >= kMaxProcesses) {
    return base::fail(Code::kResourceExhausted,
                      base::concat("there are ", kMaxProcesses, " commands running already"),
                      "end some of them first");
  }
  WRENN_TRY_ASSIGN(SpawnSpec spec, make_spec(request.process(), settings, actor));
  net::Loop& loop = scope_.loop();

  const bool wants_input = !request.has_stdin() || request.stdin();
  Pipe in;
  std::unique_ptr<net::Stream> input;
  if (wants_input) {
    WRENN_TRY_ASSIGN(in, make_pipe());
    WRENN_TRY_ASSIGN(input, net::Stream::adopt(loop, std::move(in.write)));
  } else {
    WRENN_TRY_ASSIGN(in.read, base::open_file("/dev/null", O_RDONLY));
  }
  WRENN_TRY_ASSIGN(Pipe out, make_pipe());
  WRENN_TRY_ASSIGN(Pipe err, make_pipe());
  WRENN_TRY_ASSIGN(auto out_stream, net::Stream::adopt(loop, std::move(out.read)));
  WRENN_TRY_ASSIGN(auto err_stream, net::Stream::adopt(loop, std::move(err.read)));
  spec.stdin_fd = in.read.get();
  spec.stdout_fd = out.write.get();
  spec.stderr_fd = err.write.get();
  WRENN_TRY_ASSIGN(Spawned child, spawn(spec));

  auto tag = request.has_tag() ? std::optional(request.tag()) : std::nullopt;
  auto process = std::make_shared<GuestProcess>(request.process(), std::move(tag), child.pid,
                                                std::move(child.pidfd), std::move(input));
  auto follower = std::make_unique<Follower>(process);
  running_.emplace(child.pid, process);
  auto outputs = std::make_unique<Outputs>(*process, std::move(out_stream), std::move(err_stream));
  scope_.spawn(supervise(std::move(process), std::move(outputs)));
  return follower;
}

Task<void> ProcessTable::supervise(std::shared_ptr<GuestProcess> process,
                                   std::unique_ptr<Outputs> outputs) {
  const net::Context context = co_await net::current_context();
  net::TaskScope pumps(*context.loop, context.stop);
  pumps.spawn(pump_output(outputs->out_pump));
  pumps.spawn(pump_output(outputs->err_pump));
  const siginfo_t info = co_await wait_exit(*process);
  running_.erase(process->pid());

  // What the command itself has written comes before its end; what its children write later is
  // thrown away, so that they neither block nor break.
  outputs->out_pump.command_has_exited();
  outputs->err_pump.command_has_exited();
  auto out_done = co_await outputs->out_pump.wait_command_output();
  auto err_done = co_await outputs->err_pump.wait_command_output();
  auto closed = co_await process->close_input();
  auto published = co_await process->publish_end(make_end_event(info));
  const bool is_stopped = !out_done || !err_done || !closed || !published;
  if (is_stopped) base::log_debug("the end of a command is not told: the agent stops");
  co_await pumps.join();
}

base::Result<std::shared_ptr<GuestProcess>> ProcessTable::find(
    const process::ProcessSelector& selector) const {
  if (selector.has_pid()) {
    const auto found = running_.find(static_cast<pid_t>(selector.pid()));
    if (found != running_.end()) return found->second;
    return base::fail(Code::kNotFound,
                      base::concat("process with pid ", selector.pid(), " not found"));
  }
  if (!selector.has_tag()) {
    return base::fail(Code::kInvalidArgument, "a process is named by pid or tag");
  }
  for (const auto& [pid, process] : running_) {
    if (process->tag() == selector.tag()) return process;
  }
  return base::fail(Code::kNotFound,
                    base::concat("process with tag '", selector.tag(), "' not found"));
}

void ProcessTable::kill(const GuestProcess& process) {
  if (running_.contains(process.pid())) kill_group(process);
}

Task<void> ProcessTable::stop() {
  scope_.request_stop();
  co_await scope_.join();
}

}  // namespace wrenn::envd
