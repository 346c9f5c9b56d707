#include "base/jail.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>

#include "base/strings.h"

namespace wrenn::base {
namespace {

// Any directory that every machine has: the new root is mounted over it in the child's own mount
// namespace, after everything that could lie below it has been opened.
constexpr const char* kRootMountPoint = "/tmp";

enum class Step : int {
  kSession,
  kOomScore,
  kCgroup,
  kNetwork,
  kPrivateMounts,
  kOpenBind,
  kProtectBind,
  kMountRoot,
  kMakeDirectory,
  kMountBind,
  kMakeLink,
  kPivot,
  kSealRoot,
  kDescriptors,
  kLimits,
  kCapabilities,
  kCredentials,
  kNoNewPrivileges,
  kWorkingDir,
  kSignals,
  kExec,
};

std::string describe(Step step, std::size_t operand, const JailSpec& spec) {
  switch (step) {
    case Step::kSession:
      return "starting a session";
    case Step::kOomScore:
      return "setting the OOM score";
    case Step::kCgroup:
      return concat("joining ", spec.cgroup_procs.at(operand).native());
    case Step::kNetwork:
      return "entering the network namespace";
    case Step::kPrivateMounts:
      return "making its mounts private";
    case Step::kOpenBind:
    case Step::kProtectBind:
      return concat("mounting ", spec.binds.at(operand).source.native());
    case Step::kMakeDirectory:
    case Step::kMountBind:
      return concat("mounting at ", spec.binds.at(operand).target.native());
    case Step::kMountRoot:
    case Step::kPivot:
    case Step::kSealRoot:
      return "making its root directory";
    case Step::kMakeLink:
      return concat("linking ", spec.links.at(operand).path.native());
    case Step::kDescriptors:
      return "passing its file descriptors";
    case Step::kLimits:
      return "setting its limits";
    case Step::kCapabilities:
      return "dropping capabilities";
    case Step::kCredentials:
      return concat("becoming user ", spec.credentials ? spec.credentials->uid : 0);
    case Step::kNoNewPrivileges:
      return "forbidding new privileges";
    case Step::kWorkingDir:
      return concat("changing to ", spec.working_dir);
    case Step::kSignals:
      return "resetting signals";
    case Step::kExec:
      return "running it";
  }
  return "starting it";
}

// What the child sends when it fails. Nothing at all means that the program runs.
struct Failure {
  int error = 0;
  Step step = Step::kExec;
  std::size_t operand = 0;
};

// Everything the child needs, made by the parent: between clone and exec the child must not
// allocate, because another thread of the parent may have held the heap's lock.
struct Plan {
  struct Bind {
    const char* source = nullptr;
    std::uint64_t attributes = 0;
    std::vector<std::string> parents;  // Relative to the new root, outermost first.
    std::string target;                // The same.
    int tree = -1;                     // Set by the child.
  };
  struct Link {
    std::vector<std::string> parents;
    std::string path;
    const char* text = nullptr;
  };

  const JailSpec* spec = nullptr;
  std::vector<char*> argv;
  std::vector<char*> env;
  std::vector<Bind> binds;
  std::vector<Link> links;
  std::vector<InheritedFd> fds;
  int high_fd = 3;  // Above every number in `fds`.
  Fd null;
  std::vector<Fd> cgroup_procs;
  std::string oom_score;
  int status_fd = -1;
};

void split_target(const Path& target, std::vector<std::string>& parents, std::string& last) {
  Path partial;
  for (const auto& part : target.relative_path().lexically_normal()) {
    if (part.empty()) continue;
    if (!partial.empty()) parents.push_back(partial.native());
    partial /= part;
  }
  last = partial.native();
}

std::uint64_t mount_attributes(MountAccess access) {
  switch (access) {
    case MountAccess::kReadOnly:
      return MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    case MountAccess::kReadWrite:
      return MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    case MountAccess::kDevice:
      return MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
  }
  return MOUNT_ATTR_RDONLY;
}

std::vector<char*> c_strings(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const auto& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

Result<void> validate(const JailSpec& spec) {
  if (spec.argv.empty() || !spec.argv.front().starts_with('/')) {
    return fail(Code::kInvalidArgument, "the program to start is not an absolute path");
  }
  if (spec.root == JailRoot::kHost && !(spec.binds.empty() && spec.links.empty())) {
    return fail(Code::kInvalidArgument, "mounts need a private root");
  }
  const auto is_bad = [](const Path& path) {
    return !path.is_absolute() || path.lexically_normal() == "/" ||
           path.native().find("..") != std::string::npos;
  };
  for (const auto& bind : spec.binds) {
    if (is_bad(bind.target)) {
      return fail(Code::kInvalidArgument, concat("bad mount target '", bind.target.native(), "'"));
    }
  }
  for (const auto& link : spec.links) {
    if (is_bad(link.path)) {
      return fail(Code::kInvalidArgument, concat("bad link '", link.path.native(), "'"));
    }
  }
  for (const auto& fd : spec.fds) {
    if (fd.host_fd < 0 || fd.child_fd < 0) {
      return fail(Code::kInvalidArgument, "a descriptor to pass is not open");
    }
  }
  return {};
}

Result<void> plan_descriptors(const JailSpec& spec, Plan& plan) {
  WRENN_TRY_ASSIGN(plan.null, open_file("/dev/null", O_RDWR));
  plan.fds = spec.fds;
  for (const int standard : {0, 1, 2}) {
    const bool listed = std::any_of(spec.fds.begin(), spec.fds.end(),
                                    [&](const auto& fd) { return fd.child_fd == standard; });
    if (!listed) plan.fds.push_back({plan.null.get(), standard});
  }
  for (const auto& fd : plan.fds) plan.high_fd = std::max(plan.high_fd, fd.child_fd + 1);
  return {};
}

Result<Plan> make_plan(const JailSpec& spec) {
  WRENN_TRY(validate(spec));
  Plan plan;
  plan.spec = &spec;
  plan.argv = c_strings(spec.argv);
  plan.env = c_strings(spec.env);
  for (const auto& bind : spec.binds) {
    auto& planned = plan.binds.emplace_back();
    planned.source = bind.source.c_str();
    planned.attributes = mount_attributes(bind.access);
    split_target(bind.target, planned.parents, planned.target);
  }
  for (const auto& link : spec.links) {
    auto& planned = plan.links.emplace_back();
    planned.text = link.text.c_str();
    split_target(link.path, planned.parents, planned.path);
  }
  for (const auto& path : spec.cgroup_procs) {
    WRENN_TRY_ASSIGN(Fd fd, open_file(path, O_WRONLY));
    plan.cgroup_procs.push_back(std::move(fd));
  }
  if (spec.oom_score_adj) plan.oom_score = concat(*spec.oom_score_adj);
  WRENN_TRY(plan_descriptors(spec, plan));
  return plan;
}

// The child's side. From here to exec only async-signal-safe calls are made.
class Child {
 public:
  explicit Child(Plan& plan) : plan_(plan), spec_(*plan.spec) {}

  [[noreturn]] void run() {
    start();
    if (spec_.root == JailRoot::kPrivate) build_root();
    pass_descriptors();
    set_limits();
    give_up_privileges();
    check(::chdir(spec_.working_dir.c_str()), Step::kWorkingDir);
    reset_signals();
    ::execve(plan_.argv[0], plan_.argv.data(), plan_.env.data());
    die(Step::kExec, 0);
  }

 private:
  [[noreturn]] void die(Step step, std::size_t operand) {
    const Failure failure{errno, step, operand};
    [[maybe_unused]] const ssize_t n = ::write(plan_.status_fd, &failure, sizeof failure);
    ::_exit(127);
  }
  void check(long result, Step step, std::size_t operand = 0) {
    if (result < 0) die(step, operand);
  }

  void start() {
    if (spec_.new_session) check(::setsid(), Step::kSession);
    ::umask(022);
    if (spec_.oom_score_adj) {
      const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
      check(fd, Step::kOomScore);
      check(::write(fd, plan_.oom_score.data(), plan_.oom_score.size()), Step::kOomScore);
    }
    for (std::size_t i = 0; i < plan_.cgroup_procs.size(); ++i) {
      check(::write(plan_.cgroup_procs[i].get(), "0", 1), Step::kCgroup, i);
    }
    if (spec_.netns_fd) check(::setns(*spec_.netns_fd, CLONE_NEWNET), Step::kNetwork);
  }

  void build_root() {
    check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), Step::kPrivateMounts);
    open_binds();
    check(::mount("wrenn-jail", kRootMountPoint, "tmpfs", MS_NOSUID | MS_NODEV,
                  "size=256k,nr_inodes=256,mode=0755"),
          Step::kMountRoot);
    check(::chdir(kRootMountPoint), Step::kMountRoot);
    for (std::size_t i = 0; i < plan_.binds.size(); ++i) mount_bind(i);
    for (std::size_t i = 0; i < plan_.links.size(); ++i) {
      make_parents(plan_.links[i].parents);
      check(::symlink(plan_.links[i].text, plan_.links[i].path.c_str()), Step::kMakeLink, i);
    }
    // The old root ends up on top of the new one and is taken off again.
    check(::syscall(SYS_pivot_root, ".", "."), Step::kPivot);
    check(::umount2(".", MNT_DETACH), Step::kPivot);
    check(::chdir("/"), Step::kPivot);
    check(::mount(nullptr, "/", nullptr,
                  MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr),
          Step::kSealRoot);
  }

  void open_binds() {
    for (std::size_t i = 0; i < plan_.binds.size(); ++i) {
      auto& bind = plan_.binds[i];
      bind.tree =
          ::open_tree(AT_FDCWD, bind.source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
      check(bind.tree, Step::kOpenBind, i);
      mount_attr attributes{};
      attributes.attr_set = bind.attributes;
      check(::mount_setattr(bind.tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes,
                            sizeof attributes),
            Step::kProtectBind, i);
    }
  }

  // What cannot be made is already there, or the mount that follows says so.
  void make_parents(const std::vector<std::string>& parents) {
    for (const auto& parent : parents) ::mkdir(parent.c_str(), 0755);
  }

  void mount_bind(std::size_t i) {
    auto& bind = plan_.binds[i];
    make_parents(bind.parents);
    struct stat info{};
    check(::fstat(bind.tree, &info), Step::kMakeDirectory, i);
    if (S_ISDIR(info.st_mode)) {
      ::mkdir(bind.target.c_str(), 0755);
    } else {
      const int file = ::open(bind.target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
      if (file >= 0) ::close(file);
    }
    check(::move_mount(bind.tree, "", AT_FDCWD, bind.target.c_str(), MOVE_MOUNT_F_EMPTY_PATH),
          Step::kMountBind, i);
    ::close(bind.tree);
  }

  // Every descriptor is first marked to be closed and copied out of the way, so that the order of
  // the list does not matter.
  void pass_descriptors() {
    check(static_cast<long>(::syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC)),
          Step::kDescriptors);
    const int status = ::fcntl(plan_.status_fd, F_DUPFD_CLOEXEC, plan_.high_fd);
    check(status, Step::kDescriptors);
    plan_.status_fd = status;
    for (auto& fd : plan_.fds) {
      fd.host_fd = ::fcntl(fd.host_fd, F_DUPFD_CLOEXEC, plan_.high_fd);
      check(fd.host_fd, Step::kDescriptors);
    }
    for (const auto& fd : plan_.fds) check(::dup2(fd.host_fd, fd.child_fd), Step::kDescriptors);
  }

  // As many as are asked for; without CAP_SYS_RESOURCE, as in a container, as many as there may be.
  void set_open_files() {
    rlimit files{spec_.max_open_files, spec_.max_open_files};
    if (::setrlimit(RLIMIT_NOFILE, &files) == 0) return;
    rlimit allowed{};
    check(::getrlimit(RLIMIT_NOFILE, &allowed), Step::kLimits);
    files.rlim_max = std::min(files.rlim_max, allowed.rlim_max);
    files.rlim_cur = files.rlim_max;
    check(::setrlimit(RLIMIT_NOFILE, &files), Step::kLimits);
  }

  void set_limits() {
    set_open_files();
    const rlimit core{0, 0};
    check(::setrlimit(RLIMIT_CORE, &core), Step::kLimits);
    if (spec_.max_file_bytes) {
      const rlimit size{*spec_.max_file_bytes, *spec_.max_file_bytes};
      check(::setrlimit(RLIMIT_FSIZE, &size), Step::kLimits);
    }
  }

  void give_up_privileges() {
    if (spec_.credentials) {
      const auto& credentials = *spec_.credentials;
      for (unsigned long capability = 0; ::prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
        check(::prctl(PR_CAPBSET_DROP, capability), Step::kCapabilities);
      }
      // The raw calls: glibc's set the ids of all threads, and its list of threads is the parent's.
      check(static_cast<long>(
                ::syscall(SYS_setgroups, credentials.groups.size(), credentials.groups.data())),
            Step::kCredentials);
      const gid_t gid = credentials.gid;
      const uid_t uid = credentials.uid;
      check(static_cast<long>(::syscall(SYS_setresgid, gid, gid, gid)), Step::kCredentials);
      check(static_cast<long>(::syscall(SYS_setresuid, uid, uid, uid)), Step::kCredentials);
    }
    if (spec_.credentials || spec_.root == JailRoot::kPrivate) {
      check(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), Step::kNoNewPrivileges);
    }
  }

  // Handlers were reset by CLONE_CLEAR_SIGHAND; ignored signals stay ignored over exec, so not
  // here: SIGPIPE is ignored by the agent, but its children expect the default.
  void reset_signals() {
    ::signal(SIGPIPE, SIG_DFL);
    ::signal(SIGCHLD, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    check(::sigprocmask(SIG_SETMASK, &none, nullptr), Step::kSignals);
  }

  Plan& plan_;
  const JailSpec& spec_;
};

// No signal handler of the parent may run in the child.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_{};
};

std::uint64_t clone_flags(const JailSpec& spec) {
  std::uint64_t flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
  if (spec.root == JailRoot::kPrivate) flags |= CLONE_NEWNS;
  if (spec.new_pid_namespace) flags |= CLONE_NEWPID;
  if (spec.new_ipc_namespace) flags |= CLONE_NEWIPC;
  if (spec.new_uts_namespace) flags |= CLONE_NEWUTS;
  return flags;
}

Result<ChildProcess> clone_child(Plan& plan) {
  int pidfd = -1;
  clone_args args{};
  args.flags = clone_flags(*plan.spec);
  args.pidfd = reinterpret_cast<std::uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  const SignalsBlocked blocked;
  const long pid = ::syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) Child(plan).run();
  if (pid < 0) return fail_errno(errno, "creating a process");
  ChildProcess child;
  child.pidfd = Fd(pidfd);
  child.identity.pid = static_cast<pid_t>(pid);
  return child;
}

Result<ChildProcess> spawn_planned(const JailSpec& spec) {
  WRENN_TRY_ASSIGN(Plan plan, make_plan(spec));
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "creating a pipe");
  const Fd reading(ends[0]);
  Fd writing(ends[1]);
  plan.status_fd = writing.get();
  WRENN_TRY_ASSIGN(ChildProcess child, clone_child(plan));
  writing.reset();

  Failure failure;
  ssize_t n = 0;
  do {
    n = ::read(reading.get(), &failure, sizeof failure);
  } while (n < 0 && errno == EINTR);
  if (n != 0) {
    siginfo_t info{};
    while (::waitid(P_PID, static_cast<id_t>(child.identity.pid), &info, WEXITED) != 0 &&
           errno == EINTR) {
    }
    if (n != sizeof failure) return fail(Code::kInternal, "its status got lost");
    return fail_errno(failure.error, describe(failure.step, failure.operand, spec));
  }
  // A program that has exited already keeps start time 0, which no living process has.
  if (auto identity = identify_process(child.identity.pid)) child.identity = *identity;
  return child;
}

}  // namespace

Result<ChildProcess> spawn(const JailSpec& spec) {
  auto child = spawn_planned(spec);
  if (!child) {
    const std::string name = spec.argv.empty() ? "a program" : spec.argv.front();
    return fail(std::move(child).error().with_context(concat("cannot start ", name)));
  }
  return child;
}

void add_system_files(JailSpec& spec) {
  spec.binds.push_back({"/usr", "/usr", MountAccess::kReadOnly});
  for (const char* name : {"/bin", "/lib", "/lib32", "/lib64"}) {
    std::error_code error;
    if (std::filesystem::is_symlink(name, error)) {
      spec.links.push_back({name, std::filesystem::read_symlink(name, error).native()});
    } else if (std::filesystem::is_directory(name, error)) {
      spec.binds.push_back({name, name, MountAccess::kReadOnly});
    }
  }
  std::error_code error;
  for (const char* name : {"/etc/ld.so.cache", "/etc/alternatives"}) {
    if (std::filesystem::exists(name, error)) {
      spec.binds.push_back({name, name, MountAccess::kReadOnly});
    }
  }
}

Result<ExitStatus> reap(const ChildProcess& child, Duration timeout) {
  pollfd wait{child.pidfd.get(), POLLIN, 0};
  const SteadyTime deadline = steady_now() + timeout;
  int ready = 0;
  do {
    const auto left = std::max<std::int64_t>(0, to_ms(deadline - steady_now()));
    ready = ::poll(&wait, 1, static_cast<int>(left));
  } while (ready < 0 && errno == EINTR);
  siginfo_t info{};
  if (::waitid(P_PIDFD, static_cast<id_t>(child.pidfd.get()), &info, WEXITED | WNOHANG) != 0) {
    if (errno == ECHILD) {
      return fail(Code::kNotFound, concat("process ", child.identity.pid, " is not our child"));
    }
    return fail_errno(errno, concat("cannot wait for process ", child.identity.pid));
  }
  if (info.si_pid == 0) {
    return fail(Code::kDeadlineExceeded, concat("process ", child.identity.pid, " still runs"));
  }
  if (info.si_code == CLD_EXITED) return ExitStatus{info.si_status, 0};
  return ExitStatus{0, info.si_status};
}

}  // namespace wrenn::base
