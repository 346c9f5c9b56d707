#include "base/jail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <iostream>

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::base {
namespace {

using std::chrono::seconds;

struct Pipe {
  Fd reading;
  Fd writing;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

std::string read_to_end(const Fd& fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  while (true) {
    const ssize_t n = ::read(fd.get(), buffer.data(), buffer.size());
    if (n <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

struct Outcome {
  std::string output;
  ExitStatus status;
};

// Runs a shell script to its end and returns what it printed on both outputs.
Result<Outcome> run_script(JailSpec spec, const std::string& script) {
  Pipe pipe = make_pipe();
  spec.argv = {"/bin/sh", "-c", script};
  spec.env = {"PATH=/usr/bin:/bin"};
  spec.fds.push_back({pipe.writing.get(), 1});
  spec.fds.push_back({pipe.writing.get(), 2});
  WRENN_TRY_ASSIGN(ChildProcess child, spawn(spec));
  pipe.writing.reset();
  Outcome outcome;
  outcome.output = read_to_end(pipe.reading);
  WRENN_TRY_ASSIGN(outcome.status, reap(child, seconds(10)));
  return outcome;
}

JailSpec plain() {
  JailSpec spec;
  spec.root = JailRoot::kHost;
  return spec;
}

JailSpec jailed() {
  JailSpec spec;
  add_system_files(spec);
  spec.credentials = Credentials{1879100007, 1879100007, {}};
  return spec;
}

TEST(Spawn, RunsAPlainChildWithExactlyItsEnvironment) {
  const auto outcome = run_script(plain(), "env; exit 3");
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(outcome->status.code, 3);
  EXPECT_NE(outcome->output.find("PATH=/usr/bin:/bin\n"), std::string::npos);
  EXPECT_EQ(outcome->output.find("HOME="), std::string::npos);
}

TEST(Spawn, ReportsAMissingProgramWithoutLeavingAZombie) {
  JailSpec spec = plain();
  spec.argv = {"/nonexistent/program"};
  const auto child = spawn(spec);
  ASSERT_FALSE(child);
  EXPECT_EQ(child.error().message,
            "cannot start /nonexistent/program: running it: No such file or directory");
  EXPECT_EQ(child.error().code, Code::kNotFound);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
}

TEST(Spawn, RefusesARelativeProgram) {
  JailSpec spec = plain();
  spec.argv = {"true"};
  EXPECT_EQ(spawn(spec).error().code, Code::kInvalidArgument);
}

TEST(Spawn, PassesListedDescriptorsAndNoOthers) {
  // Left inheritable on purpose, and swapped numbers: 5 and 6 trade places.
  const Fd leaked(::open("/dev/null", O_RDONLY));
  Pipe a = make_pipe();
  Pipe b = make_pipe();
  JailSpec spec = plain();
  spec.fds = {{a.writing.get(), b.writing.get()}, {b.writing.get(), a.writing.get()}};
  const auto outcome = run_script(spec, concat("ls /proc/self/fd | wc -l; echo A >&",
                                               b.writing.get(), "; echo B >&", a.writing.get()));
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  // 0, 1, 2, the two pipes, and the directory that ls reads.
  EXPECT_EQ(trim(outcome->output), "6");
  a.writing.reset();
  b.writing.reset();
  EXPECT_EQ(read_to_end(a.reading), "A\n");
  EXPECT_EQ(read_to_end(b.reading), "B\n");
}

TEST(Spawn, SurvivesInItsOwnSessionWithDefaultSignals) {
  ::signal(SIGPIPE, SIG_IGN);
  const auto outcome =
      run_script(plain(), "cut -d' ' -f6 /proc/$$/stat; echo $$; kill -PIPE $$; echo not reached");
  ::signal(SIGPIPE, SIG_DFL);
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  const auto lines = split(outcome->output, '\n');
  ASSERT_GE(lines.size(), 2u);
  EXPECT_EQ(lines[0], lines[1]);
  EXPECT_EQ(outcome->status.signal, SIGPIPE);
}

TEST(Spawn, SetsLimits) {
  JailSpec spec = plain();
  spec.max_open_files = 77;
  spec.max_file_bytes = 1 << 20;
  const auto outcome = run_script(spec, "ulimit -n; ulimit -c; ulimit -f");
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(outcome->output, "77\n0\n2048\n");
}

TEST(Reap, TellsARunningChildFromAnExitedOne) {
  JailSpec spec = plain();
  spec.argv = {"/bin/sleep", "30"};
  const auto child = spawn(spec);
  ASSERT_TRUE(child) << child.error().to_string();
  EXPECT_TRUE(is_alive(child->identity));
  EXPECT_EQ(reap(*child).error().code, Code::kDeadlineExceeded);
  ASSERT_TRUE(signal_process(child->identity, SIGKILL));
  const auto status = reap(*child, seconds(10));
  ASSERT_TRUE(status) << status.error().to_string();
  EXPECT_EQ(status->signal, SIGKILL);
  EXPECT_EQ(reap(*child).error().code, Code::kNotFound);
}

class Jail : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "a jail needs root to be made";
    auto dir = TempDir::create();
    ASSERT_TRUE(dir) << dir.error().to_string();
    dir_.emplace(std::move(*dir));
    ::chmod(dir_->path().c_str(), 0777);
  }
  const Path& dir() const { return dir_->path(); }

 private:
  std::optional<TempDir> dir_;
};

TEST_F(Jail, SeesOnlyWhatItWasGiven) {
  const auto outcome = run_script(jailed(), "ls -A /; ls -A /etc; ls /proc 2>&1 | head -1");
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(outcome->output.find("root"), std::string::npos) << outcome->output;
  EXPECT_NE(outcome->output.find("usr\n"), std::string::npos) << outcome->output;
  EXPECT_EQ(outcome->output.find("passwd"), std::string::npos) << outcome->output;
}

TEST_F(Jail, HasNoPrivilegesAtAll) {
  JailSpec spec = jailed();
  spec.binds.push_back({"/proc", "/proc", MountAccess::kReadOnly});
  const auto outcome = run_script(
      spec, "grep -E '^(Uid|Gid|Groups|CapEff|CapPrm|CapBnd|CapAmb|NoNewPrivs)' /proc/$$/status");
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(outcome->output,
            "Uid:\t1879100007\t1879100007\t1879100007\t1879100007\n"
            "Gid:\t1879100007\t1879100007\t1879100007\t1879100007\n"
            "Groups:\t \n"
            "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
            "CapBnd:\t0000000000000000\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\n");
}

TEST_F(Jail, WritesOnlyWhereItMay) {
  ASSERT_TRUE(make_dirs(dir() / "rw"));
  ASSERT_TRUE(make_dirs(dir() / "ro"));
  ::chmod((dir() / "rw").c_str(), 0777);
  ::chmod((dir() / "ro").c_str(), 0777);
  JailSpec spec = jailed();
  spec.binds.push_back({dir() / "rw", "/data/deep/rw", MountAccess::kReadWrite});
  spec.binds.push_back({dir() / "ro", "/data/ro", MountAccess::kReadOnly});
  spec.binds.push_back({"/dev/null", "/dev/null", MountAccess::kDevice});
  spec.working_dir = "/data";
  const auto outcome = run_script(spec,
                                  "echo x > deep/rw/file && echo rw; echo x > ro/file || echo ro; "
                                  "echo x > /usr/file || echo usr; echo x > /file || echo root; "
                                  "echo x > /dev/null && echo null");
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  for (const char* expected : {"rw\n", "ro\n", "usr\n", "root\n", "null\n"}) {
    EXPECT_NE(concat("\n", outcome->output).find(concat("\n", expected)), std::string::npos)
        << expected << " in\n"
        << outcome->output;
  }
  EXPECT_EQ(*read_file(dir() / "rw/file"), "x\n");
}

TEST_F(Jail, LeavesTheHostsMountsAlone) {
  const auto before = read_file("/proc/self/mountinfo");
  ASSERT_TRUE(run_script(jailed(), "true"));
  EXPECT_EQ(*before, *read_file("/proc/self/mountinfo"));
}

TEST_F(Jail, NamesTheMountThatFailed) {
  JailSpec spec = jailed();
  const Path missing = dir() / "missing";
  spec.binds.push_back({missing, "/data"});
  spec.argv = {"/usr/bin/true"};
  const auto spawned = spawn(spec);
  ASSERT_FALSE(spawned);
  EXPECT_EQ(spawned.error().message, concat("cannot start /usr/bin/true: mounting ",
                                            missing.native(), ": No such file or directory"));
}

TEST_F(Jail, IsTheFirstProcessOfItsOwnNamespace) {
  JailSpec spec = jailed();
  spec.new_pid_namespace = true;
  spec.new_ipc_namespace = true;
  spec.new_uts_namespace = true;
  const auto outcome = run_script(spec, "echo $$");
  ASSERT_TRUE(outcome) << outcome.error().to_string();
  EXPECT_EQ(outcome->output, "1\n");
}

TEST_F(Jail, StartsInMilliseconds) {
  JailSpec spec = jailed();
  spec.argv = {"/usr/bin/true"};
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    ASSERT_TRUE(make_dirs(dir() / name));
    spec.binds.push_back({dir() / name, Path("/data") / name, MountAccess::kReadWrite});
  }
  std::vector<Duration> times;
  for (int i = 0; i < 21; ++i) {
    const auto start = steady_now();
    const auto child = spawn(spec);
    times.push_back(steady_now() - start);
    ASSERT_TRUE(child) << child.error().to_string();
    ASSERT_TRUE(reap(*child, seconds(10)));
  }
  std::sort(times.begin(), times.end());
  const auto median = std::chrono::duration_cast<std::chrono::microseconds>(times[10]).count();
  std::cout << "spawn with " << spec.binds.size() << " mounts: median " << median << " us\n";
  EXPECT_LT(median, 50'000);
}

}  // namespace
}  // namespace wrenn::base
