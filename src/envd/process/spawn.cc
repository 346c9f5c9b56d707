#include "envd/process/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <span>

#include "base/strings.h"

namespace wrenn::envd {
namespace {

enum class Step { kNone, kSession, kFiles, kTerminal, kUser, kDirectory, kProgram };

// All that the child touches, prepared by the parent, which sleeps until the child is done with it.
struct Plan {
  std::vector<const char*> candidates;
  std::vector<char*> argv;
  std::vector<char*> env;
  const SpawnSpec* spec = nullptr;
  Step failed_step = Step::kNone;
  int error = 0;
};

// From here on code runs in the child, in the parent's memory: system calls only. The C library's
// setuid() and its like must not be used, they would change the parent's threads.

bool reset_signals() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) {
    // Fails for the two that cannot be changed and for those the C library keeps to itself.
    ::sigaction(signal, &action, nullptr);
  }
  sigset_t none;
  ::sigemptyset(&none);
  return ::sigprocmask(SIG_SETMASK, &none, nullptr) == 0;
}

bool set_files(const SpawnSpec& spec) {
  const std::array<int, 3> from = {spec.stdin_fd, spec.stdout_fd, spec.stderr_fd};
  for (int fd = 0; fd < 3; ++fd) {
    if (::dup2(from[static_cast<std::size_t>(fd)], fd) < 0) return false;
  }
  // The agent's own are marked already; this catches what it may have inherited.
  ::syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
  return true;
}

// The kernel's first choice when memory runs out is a command, and never the agent.
void offer_to_oom_killer() {
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  static_cast<void>(!::write(fd, "100", 3));
  ::close(fd);
}

// Whatever the agent was given for itself. What is refused stays as it was.
void set_priorities(const SpawnSpec& spec) {
  constexpr long kNormal = 4;
  ::syscall(SYS_setpriority, PRIO_PROCESS, 0, 0);
  ::syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, kNormal));
  rlimit files{};
  if (spec.open_files == 0 || ::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = std::min(spec.open_files, files.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &files);
}

bool set_user(const SpawnSpec& spec) {
  if (::syscall(SYS_geteuid) == 0) {
    if (::syscall(SYS_setgroups, spec.groups.size(), spec.groups.data()) != 0) return false;
  }
  return ::syscall(SYS_setresgid, spec.gid, spec.gid, spec.gid) == 0 &&
         ::syscall(SYS_setresuid, spec.uid, spec.uid, spec.uid) == 0;
}

void execute(const Plan& plan) {
  int error = ENOENT;
  for (const char* program : plan.candidates) {
    ::execve(program, plan.argv.data(), plan.env.data());
    if (errno != ENOENT && errno != ENOTDIR) error = errno;
    // Another directory of the PATH may hold one that can be run.
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) break;
  }
  errno = error;
}

Step run_steps(const Plan& plan) {
  if (::setsid() < 0) return Step::kSession;
  if (!set_files(*plan.spec)) return Step::kFiles;
  const bool has_terminal = plan.spec->stdin_kind == StdinKind::kTerminal;
  if (has_terminal && ::ioctl(STDIN_FILENO, TIOCSCTTY, 0) != 0) return Step::kTerminal;
  offer_to_oom_killer();
  set_priorities(*plan.spec);
  if (!set_user(*plan.spec)) return Step::kUser;
  if (::chdir(plan.spec->directory.c_str()) != 0) return Step::kDirectory;
  ::umask(022);
  if (!reset_signals()) return Step::kSession;
  execute(plan);
  return Step::kProgram;
}

int child_main(void* argument) {
  Plan& plan = *static_cast<Plan*>(argument);
  plan.failed_step = run_steps(plan);
  plan.error = errno;
  ::_exit(127);
}

// Back in the parent.

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

base::Error program_error(const std::string& name, int error) {
  using base::Code;
  switch (error) {
    case ENOENT:
      return {Code::kInvalidArgument, base::concat("there is no command '", name, "'")};
    case EACCES:
      return {Code::kPermissionDenied,
              base::concat("'", name, "' cannot be executed by this user")};
    case E2BIG:
      return {Code::kInvalidArgument, "the arguments and the environment are too long"};
    case ENOEXEC:
      return {Code::kInvalidArgument, base::concat("'", name, "' is not a program"),
              "a script needs a first line such as #!/bin/sh"};
    default:
      return base::errno_error(error, base::concat("cannot run '", name, "'"));
  }
}

base::Error step_error(const SpawnSpec& spec, Step step, int error) {
  using base::Code;
  switch (step) {
    case Step::kProgram:
      return program_error(spec.argv.front(), error);
    case Step::kDirectory:
      if (error == ENOENT || error == ENOTDIR) {
        return {Code::kInvalidArgument, base::concat("cwd '", spec.directory, "' does not exist")};
      }
      return base::errno_error(error, base::concat("cannot enter '", spec.directory, "'"));
    case Step::kUser:
      return base::errno_error(error, "cannot become the user");
    case Step::kTerminal:
      return base::errno_error(error, "cannot give the command its terminal");
    default:
      return base::errno_error(error, "cannot start a process");
  }
}

base::Error clone_error(int error) {
  if (error != EAGAIN && error != ENOMEM) return base::errno_error(error, "cannot start a process");
  return {base::Code::kResourceExhausted, "no further process can be started",
          "end some that are running, or give the sandbox more memory"};
}

struct Cloned {
  pid_t pid = -1;
  int pidfd = -1;
  int error = 0;
};

constexpr std::uint64_t kCloneFlags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD;

#if defined(__x86_64__)
// clone3() on a stack of its own, for which the C library has no function: the child must not
// return into a frame that its parent still uses. It calls `main`, which does not return.
long clone3_on_stack(clone_args& args, int (*main)(void*), void* argument) {
  long result = 0;
  asm volatile(
      "syscall\n\t"
      "testq %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "movq %[argument], %%rdi\n\t"
      "callq *%[main]\n\t"
      "ud2\n"
      "1:"
      : "=a"(result)
      : "0"(static_cast<long>(SYS_clone3)), "D"(&args),
        "S"(sizeof args), [main] "r"(main), [argument] "r"(argument)
      : "rcx", "r11", "cc", "memory");
  return result;
}

Cloned clone_into(int cgroup_fd, std::span<char> stack, Plan& plan) {
  Cloned child;
  clone_args args{};
  args.flags = kCloneFlags | CLONE_INTO_CGROUP;
  args.pidfd = reinterpret_cast<std::uint64_t>(&child.pidfd);
  args.exit_signal = SIGCHLD;
  args.stack = reinterpret_cast<std::uint64_t>(stack.data());
  args.stack_size = stack.size();
  args.cgroup = static_cast<std::uint64_t>(cgroup_fd);
  const long result = clone3_on_stack(args, child_main, &plan);
  if (result < 0) child.error = static_cast<int>(-result);
  child.pid = static_cast<pid_t>(result);
  return child;
}
#else
Cloned clone_into(int, std::span<char>, Plan&) {
  return {.error = ENOSYS};
}
#endif

Cloned clone_here(std::span<char> stack, Plan& plan) {
  Cloned child;
  child.pid = ::clone(child_main, stack.data() + stack.size(),
                      static_cast<int>(kCloneFlags) | SIGCHLD, &plan, &child.pidfd);
  if (child.pid < 0) child.error = errno;
  return child;
}

}  // namespace

base::Result<Spawned> spawn(const SpawnSpec& spec) {
  Plan plan;
  for (const std::string& path : spec.program_candidates) plan.candidates.push_back(path.c_str());
  plan.argv = pointers(spec.argv);
  plan.env = pointers(spec.env);
  plan.spec = &spec;

  // No handler of the parent may run in the child's shared memory.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  alignas(16) std::array<char, 32 * 1024> stack;
  Cloned cloned;
  int cgroup_error = 0;
  if (spec.cgroup_fd >= 0) {
    cloned = clone_into(spec.cgroup_fd, stack, plan);
    cgroup_error = cloned.error;
  }
  // Too many processes and too little memory are what the cgroup is for.
  const bool is_refused = cgroup_error == EAGAIN || cgroup_error == ENOMEM;
  if (cloned.pid < 0 && !is_refused) cloned = clone_here(stack, plan);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);

  if (cloned.pid < 0) return base::fail(clone_error(cloned.error));
  Spawned child{cloned.pid, base::Fd(cloned.pidfd), cgroup_error};
  if (plan.failed_step == Step::kNone) return child;
  ::waitpid(child.pid, nullptr, 0);
  return base::fail(step_error(spec, plan.failed_step, plan.error));
}

}  // namespace wrenn::envd
