#include "envd/process/process_table.h"

#include <malloc.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "base/log.h"
#include "base/strings.h"
#include "envd/process/command_spec.h"
#include "envd/process/output_pump.h"

namespace wrenn::envd {
namespace {

using base::Code;
using net::Task;

// Several commands that end in the same second are dropped by one wake-up.
constexpr base::Duration kExpiryStep = std::chrono::seconds(1);

void kill_group(const GuestProcess& process) {
  if (const auto killed = process.signal(SIGKILL); !killed) {
    base::log_error("a command cannot be killed", {{"error", killed.error()}});
  }
}

Task<void> pump_output(OutputPump& pump) {
  co_await pump.run();
}

bool is_selected(const GuestProcess& process, const process::ProcessSelector& selector) {
  if (selector.has_pid()) return process.pid() == static_cast<pid_t>(selector.pid());
  return selector.has_tag() && process.tag() == selector.tag();
}

std::unexpected<base::Error> not_found(const process::ProcessSelector& selector) {
  if (selector.has_pid()) {
    return base::fail(Code::kNotFound,
                      base::concat("process with pid ", selector.pid(), " not found"));
  }
  if (selector.has_tag()) {
    return base::fail(Code::kNotFound,
                      base::concat("process with tag '", selector.tag(), "' not found"));
  }
  return base::fail(Code::kInvalidArgument, "a process is named by pid or tag");
}

}  // namespace

ProcessLimits ProcessLimits::for_this_machine() {
  constexpr std::size_t kFewest = 1024;
  constexpr std::uint64_t kBytesEach = 64 * 1024;
  ProcessLimits limits;
  struct sysinfo info{};
  if (::sysinfo(&info) != 0) return limits;
  const std::uint64_t fitting = std::uint64_t{info.totalram} * info.mem_unit / kBytesEach;
  limits.max_processes = std::clamp<std::uint64_t>(fitting, kFewest, limits.max_processes);
  return limits;
}

// A running command with what only its supervisor needs.
struct ProcessTable::Supervised {
  std::shared_ptr<GuestProcess> process;
  std::shared_ptr<net::IoFd> pidfd;
  std::vector<std::unique_ptr<OutputPump>> pumps;
};

base::Result<std::shared_ptr<GuestProcess>> ProcessTable::start(
    const process::StartRequest& request, const GuestSettings& settings, const Actor& actor,
    std::optional<base::SteadyTime> deadline) {
  if (scope_.running() >= limits_.max_processes) {
    return base::fail(
        Code::kResourceExhausted,
        base::concat("there are ", limits_.max_processes, " commands running already"),
        "end some of them first");
  }
  WRENN_TRY_ASSIGN(SpawnSpec spec, make_command_spec(request.process(), settings, actor));
  WRENN_TRY_ASSIGN(Supervised command, launch(request, std::move(spec)));
  auto process = command.process;
  running_.emplace(process->pid(), process);
  scope_.spawn(supervise(std::move(command), deadline));
  return process;
}

base::Result<ProcessTable::Supervised> ProcessTable::launch(const process::StartRequest& request,
                                                            SpawnSpec spec) {
  net::Loop& loop = scope_.loop();
  WRENN_TRY_ASSIGN(ChildFiles files, open_child_files(loop, request, spec.uid));
  spec.stdin_fd = files.in.get();
  spec.stdout_fd = files.out_fd();
  spec.stderr_fd = files.err_fd();
  spec.stdin_kind = files.has_terminal() ? StdinKind::kTerminal : StdinKind::kPlain;
  spec.cgroup_fd = cgroups_.fd(files.has_terminal() ? CgroupKind::kPty : CgroupKind::kUser);
  spec.open_files = limits_.open_files;
  WRENN_TRY_ASSIGN(Spawned child, spawn(spec));
  note_cgroup_error(child.cgroup_error);

  Supervised command;
  command.process = std::make_shared<GuestProcess>(
      request.process(), request.has_tag() ? std::optional(request.tag()) : std::nullopt, child.pid,
      std::move(files.input), budget_);
  auto pidfd = net::IoFd::create(loop, std::move(child.pidfd));
  if (!pidfd) {
    kill_group(*command.process);
    ::waitpid(child.pid, nullptr, 0);
    return base::fail(std::move(pidfd).error());
  }
  command.pidfd = std::make_shared<net::IoFd>(std::move(*pidfd));
  const auto add_pump = [&](OutputKind kind, std::shared_ptr<net::IoFd> source) {
    command.pumps.push_back(std::make_unique<OutputPump>(command.process->output(), kind,
                                                         std::move(source), read_buffer_));
  };
  add_pump(files.has_terminal() ? OutputKind::kPty : OutputKind::kStdout, std::move(files.output));
  if (!files.has_terminal()) add_pump(OutputKind::kStderr, std::move(files.error_output));
  return command;
}

Task<void> ProcessTable::supervise(Supervised command, std::optional<base::SteadyTime> deadline) {
  const net::Context context = co_await net::current_context();
  net::TaskScope pumps(*context.loop, context.stop);
  for (const auto& pump : command.pumps) pumps.spawn(pump_output(*pump));
  const siginfo_t info = co_await wait_exit(command.process, std::move(command.pidfd), deadline);
  running_.erase(command.process->pid());
  keep_ended(command.process);

  // What the command itself has written comes before its end; what its children write later is
  // thrown away, so that they neither block nor break.
  auto finished = co_await command.process->end_input();
  for (const auto& pump : command.pumps) pump->command_has_exited();
  for (const auto& pump : command.pumps) {
    if (auto done = co_await pump->wait_command_output(); !done) finished = std::move(done);
  }
  command.process->set_ended(make_end_event(info));
  if (!finished) base::log_debug("the output of a command is cut: the agent stops");
  command.process.reset();
  co_await pumps.join();
}

// Waits for the exit and takes its status. When the agent stops, the command is killed first.
Task<siginfo_t> ProcessTable::wait_exit(std::shared_ptr<GuestProcess> process,
                                        std::shared_ptr<net::IoFd> pidfd,
                                        std::optional<base::SteadyTime> deadline) {
  net::Timer timer(pidfd->loop(), [&process] {
    process->set_overdue();
    kill_group(*process);
  });
  if (deadline) timer.start(*deadline - base::steady_now());
  siginfo_t info{};
  bool is_killed = false;
  while (true) {
    const int waited = ::waitid(P_PIDFD, static_cast<id_t>(pidfd->get()), &info, WEXITED | WNOHANG);
    if (waited == 0 && info.si_pid != 0) co_return info;
    if (waited != 0 && errno == ECHILD) {
      const auto reaped = reaped_.extract(process->pid());
      co_return reaped.empty() ? info : reaped.mapped();
    }
    if (is_killed) {
      // Not stopped a second time: it dies soon, and must not be left behind.
      co_await net::with_stop(net::StopToken(), net::wait_readable(pidfd->get()));
    } else if (co_await pidfd->readable() == net::Woken::kStopped) {
      is_killed = true;
      kill_group(*process);
    }
  }
}

void ProcessTable::note_reaped(const siginfo_t& info) {
  if (running_.contains(info.si_pid)) reaped_.emplace(info.si_pid, info);
}

void ProcessTable::note_cgroup_error(int error) {
  if (error == 0 || is_cgroup_error_told_) return;
  is_cgroup_error_told_ = true;
  base::log_warn("commands run outside of their cgroup",
                 {{"error", base::errno_error(error, "clone3")}});
}

void ProcessTable::keep_ended(std::shared_ptr<GuestProcess> process) {
  if (ended_.size() >= kMaxEnded) ended_.pop_front();
  ended_.push_back({base::steady_now(), std::move(process)});
  if (ended_.size() == 1) expiry_.start(kKeepEnded);
}

void ProcessTable::drop_ended() {
  const auto now = base::steady_now();
  const std::size_t used = budget_.used();
  while (!ended_.empty() && ended_.front().time + kKeepEnded <= now) ended_.pop_front();
  if (!ended_.empty()) {
    expiry_.start(std::max(ended_.front().time + kKeepEnded - now, kExpiryStep));
  }
  // The agent lies in the memory of every sandbox: what many commands needed is given back.
  constexpr std::size_t kWorthIt = 1u << 20;
  if (used - budget_.used() >= kWorthIt || ended_.empty()) ::malloc_trim(0);
}

base::Result<std::shared_ptr<GuestProcess>> ProcessTable::find(
    const process::ProcessSelector& selector) const {
  if (selector.has_pid()) {
    const auto found = running_.find(static_cast<pid_t>(selector.pid()));
    if (found != running_.end()) return found->second;
    return not_found(selector);
  }
  for (const auto& [pid, process] : running_) {
    if (is_selected(*process, selector)) return process;
  }
  return not_found(selector);
}

base::Result<std::shared_ptr<GuestProcess>> ProcessTable::find_also_ended(
    const process::ProcessSelector& selector) const {
  if (auto running = find(selector)) return running;
  // The latest: numbers and tags are used again.
  const auto ended = std::ranges::find_if(ended_.rbegin(), ended_.rend(), [&](const Ended& entry) {
    return is_selected(*entry.process, selector);
  });
  if (ended != ended_.rend()) return ended->process;
  return not_found(selector);
}

Task<void> ProcessTable::stop() {
  scope_.request_stop();
  co_await scope_.join();
}

}  // namespace wrenn::envd
