// Many commands, orphans and cgroups, through the real envd.
#include <linux/magic.h>
#include <sys/vfs.h>

#include "envd/envd_fixture.h"

namespace wrenn::envd {
namespace {

class ManyTest : public EnvdTest {
 public:
  Task<Result<void>> many_at_once() {
    constexpr int kCount = 1000;
    process::StartRequest request;
    request.mutable_process()->set_cmd("sleep");
    request.mutable_process()->add_args("1000");
    std::vector<StartStream> streams;
    for (int i = 0; i < kCount; ++i) {
      WRENN_CO_TRY_ASSIGN(auto stream, co_await open(request));
      Outcome outcome;
      WRENN_CO_TRY(co_await take_event(stream, outcome));
      streams.push_back(std::move(stream));
    }
    WRENN_CO_TRY_ASSIGN(const auto list, co_await client.unary<process::ListResponse>(
                                             "/process.Process/List", process::ListRequest()));
    EXPECT_EQ(list.processes_size(), kCount);
    WRENN_CO_TRY_ASSIGN(const auto outcome, co_await exec(shell("ulimit -n; echo done")));
    EXPECT_TRUE(outcome.out.ends_with("\ndone\n"));
    WRENN_CO_TRY_ASSIGN(const std::string status,
                        base::read_file(base::concat("/proc/", envd.pid(), "/status")));
    const std::size_t at = status.find("VmRSS:");
    std::printf("With %d commands: %s\n", kCount,
                status.substr(at, status.find('\n', at) - at).c_str());
    co_return {};
  }
};

TEST_F(ManyTest, ManyAtOnce) {
  run(&ManyTest::many_at_once);
}

class FirstProcessTest : public EnvdTest {
 public:
  FirstProcessTest() : EnvdTest({"--no-cgroups"}, PidNamespace::kOwn) {}

  // Orphans are reaped, and commands still tell how they ended.
  Task<Result<void>> orphans() {
    WRENN_CO_TRY_ASSIGN(
        const auto outcome,
        co_await exec(shell("i=0; while [ $i -lt 200 ]; do (true &); i=$((i+1)); done; exit 6")));
    EXPECT_EQ(outcome.end.exit_code(), 6);
    for (int i = 0; i < 10; ++i) {
      WRENN_CO_TRY_ASSIGN(const auto ended, co_await exec(shell("(true &); exit 7")));
      EXPECT_EQ(ended.end.exit_code(), 7);
    }
    const std::string children =
        base::concat("/proc/", envd.pid(), "/task/", envd.pid(), "/children");
    std::string left = "?";
    for (int i = 0; i < 500 && !left.empty(); ++i) {
      WRENN_CO_TRY(co_await net::sleep_for(milliseconds(10)));
      WRENN_CO_TRY_ASSIGN(left, base::read_file(children));
    }
    EXPECT_EQ(left, "");
    co_return {};
  }
};

TEST_F(FirstProcessTest, OrphansAreReaped) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  run(&FirstProcessTest::orphans);
}

// A group of its own in the machine's cgroup v2, wherever that is mounted; empty without one.
class OwnCgroup {
 public:
  OwnCgroup() {
    for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
      struct statfs info{};
      if (::statfs(mount, &info) != 0 || info.f_type != CGROUP2_SUPER_MAGIC) continue;
      const base::Path path = base::Path(mount) / base::concat("envd-test-", ::getpid());
      std::error_code error;
      if (std::filesystem::create_directory(path, error)) path_ = path;
      return;
    }
  }
  ~OwnCgroup() {
    if (path_.empty()) return;
    for (const char* group : {"wrenn/commands/user", "wrenn/commands/pty", "wrenn/commands",
                              "wrenn/relay", "wrenn", ""}) {
      ::rmdir((path_ / group).c_str());
    }
  }
  const base::Path& path() const { return path_; }

 private:
  base::Path path_;
};

class CgroupTest : public testing::Test {
 protected:
  struct Envd : EnvdTest {
    explicit Envd(const base::Path& root) : EnvdTest({"--cgroup-root", root.native()}) {}
    void TestBody() override {}
    Task<Result<void>> groups() {
      WRENN_CO_TRY_ASSIGN(const auto user, co_await exec(shell("grep ^0:: /proc/self/cgroup")));
      EXPECT_NE(user.out.find("/wrenn/commands/user\n"), std::string::npos) << user.out;
      auto request = shell("grep ^0:: /proc/self/cgroup");
      request.mutable_pty();
      WRENN_CO_TRY_ASSIGN(const auto pty, co_await exec(request));
      EXPECT_NE(pty.pty.find("/wrenn/commands/pty\r\n"), std::string::npos) << pty.pty;
      request = shell("true");
      request.mutable_process()->set_cmd("no-such-command");
      const auto missing = co_await exec(request);
      EXPECT_EQ(missing.error().code, Code::kInvalidArgument);
      co_return {};
    }
    using EnvdTest::run;
  };
  // Declared outside of Envd: it can be removed only once envd and its commands are gone.
  OwnCgroup group;
};

TEST_F(CgroupTest, CommandsAreInTheirGroups) {
  if (group.path().empty()) GTEST_SKIP() << "no cgroup v2 that this user may use";
  Envd envd(group.path());
  envd.run(&Envd::groups);
}

}  // namespace
}  // namespace wrenn::envd
