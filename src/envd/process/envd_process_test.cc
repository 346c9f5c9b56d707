// How commands start and what they find, through the real envd.
#include "envd/envd_fixture.h"

namespace wrenn::envd {
namespace {

class ProcessTest : public EnvdTest {
 public:
  Task<Result<void>> output_and_exit() {
    WRENN_CO_TRY_ASSIGN(const auto outcome,
                        co_await exec(shell("echo out; echo err >&2; printf '\\377\\0'; exit 3")));
    EXPECT_GT(outcome.pid, 0U);
    EXPECT_EQ(outcome.out, std::string("out\n\xff\0", 6));
    EXPECT_EQ(outcome.err, "err\n");
    EXPECT_EQ(outcome.end.exit_code(), 3);
    EXPECT_TRUE(outcome.end.exited());
    EXPECT_EQ(outcome.end.status(), "exit status 3");
    EXPECT_EQ(outcome.end.error(), "exit status 3");
    WRENN_CO_TRY_ASSIGN(const auto killed, co_await exec(shell("kill -9 $$")));
    EXPECT_EQ(killed.end.exit_code(), -1);
    EXPECT_EQ(killed.end.signal(), 9U);
    EXPECT_FALSE(killed.end.exited());
    EXPECT_EQ(killed.end.status(), "signal: killed");
    EXPECT_EQ(killed.end.error(), "signal: killed");
    co_return {};
  }

  Task<Result<void>> environment() {
    WRENN_CO_TRY_ASSIGN(const auto init,
                        co_await send("POST", "/init", R"({"envVars":{"A":"1","B":"2"}})"));
    EXPECT_EQ(init.status, 204);
    process::StartRequest request;
    request.mutable_process()->set_cmd("env");
    (*request.mutable_process()->mutable_envs())["B"] = "3";
    WRENN_CO_TRY_ASSIGN(const auto outcome, co_await exec(request));
    EXPECT_NE(outcome.out.find("A=1\nB=3\nHOME=/root\nLOGNAME=root\n"), std::string::npos)
        << outcome.out;
    EXPECT_NE(outcome.out.find("USER=root\n"), std::string::npos);
    co_return {};
  }

  Task<Result<void>> bad_commands() {
    process::StartRequest request;
    const auto empty = co_await exec(request);
    EXPECT_EQ(empty.error().code, Code::kInvalidArgument);
    request.mutable_process()->set_cmd("no-such-command");
    const auto missing = co_await exec(request);
    EXPECT_EQ(missing.error().message, "there is no command 'no-such-command'");
    request.mutable_process()->set_cmd("/etc/passwd");
    const auto data = co_await exec(request);
    EXPECT_EQ(data.error().code, Code::kPermissionDenied);
    request = shell("true");
    request.mutable_process()->set_cwd("/no/such/place");
    const auto cwd = co_await exec(request);
    EXPECT_EQ(cwd.error().code, Code::kInvalidArgument);
    EXPECT_EQ(cwd.error().message, "cwd '/no/such/place' does not exist");
    const auto user = co_await exec(shell("true"), {.headers = as_user("nobody-such")});
    EXPECT_EQ(user.error().code, Code::kUnauthenticated);
    request = shell("true");
    request.mutable_process()->add_args(std::string(3u << 20, 'x'));
    const auto long_args = co_await exec(request);
    EXPECT_EQ(long_args.error().code, Code::kInvalidArgument);
    co_return {};
  }

  Task<Result<void>> user() {
    WRENN_CO_TRY_ASSIGN(
        const auto outcome,
        // Signal 32 is glibc's own: posix_spawn, which make uses, leaves it ignored.
        co_await exec(shell("id -u; id -G; echo $HOME;"
                            "grep SigIgn /proc/self/status | sed 's/8\\(0*\\)$/0\\1/';"
                            "ls /proc/self/fd | wc -l"),
                      {.headers = as_user("daemon")}));
    EXPECT_EQ(outcome.out, "1\n1\n/usr/sbin\nSigIgn:\t0000000000000000\n4\n");
    WRENN_CO_TRY_ASSIGN(const auto priorities,
                        co_await exec(shell("cat /proc/self/oom_score_adj; nice")));
    EXPECT_EQ(priorities.out, "100\n0\n");
    const auto init = co_await send(
        "POST", "/init",
        base::concat(R"({"defaultUser":"daemon","defaultWorkdir":")", dir.path().native(), "\"}"));
    EXPECT_EQ(init.value_or(Reply()).status, 204);
    WRENN_CO_TRY_ASSIGN(const auto by_default, co_await exec(shell("id -un; pwd")));
    EXPECT_EQ(by_default.out, base::concat("daemon\n", dir.path().native(), '\n'));
    co_return {};
  }

  // A child that stays behind with the output open does not hold up the end.
  Task<Result<void>> background_child() {
    const auto before = base::steady_now();
    WRENN_CO_TRY_ASSIGN(const auto outcome, co_await exec(shell("sleep 5 & echo started")));
    EXPECT_EQ(outcome.out, "started\n");
    EXPECT_LT(base::to_ms(base::steady_now() - before), 2000);
    co_return {};
  }

  Task<Result<void>> many() {
    const auto before = base::steady_now();
    constexpr int kCount = 200;
    process::StartRequest request;
    request.mutable_process()->set_cmd("/bin/true");
    request.set_stdin(false);
    for (int i = 0; i < kCount; ++i) {
      WRENN_CO_TRY_ASSIGN(const auto outcome, co_await exec(request));
      EXPECT_EQ(outcome.end.exit_code(), 0);
    }
    const auto spent = base::steady_now() - before;
    RecordProperty("start_true_us", static_cast<int>(spent / std::chrono::microseconds(kCount)));
    std::printf("Start of /bin/true: %lld us\n",
                static_cast<long long>(spent / std::chrono::microseconds(kCount)));
    co_return {};
  }
};

TEST_F(ProcessTest, OutputAndExit) {
  run(&ProcessTest::output_and_exit);
}
TEST_F(ProcessTest, Environment) {
  run(&ProcessTest::environment);
}
TEST_F(ProcessTest, BadCommandsAreExplained) {
  run(&ProcessTest::bad_commands);
}
TEST_F(ProcessTest, RunsAsTheUser) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  run(&ProcessTest::user);
}
TEST_F(ProcessTest, BackgroundChildDoesNotHoldUpTheEnd) {
  run(&ProcessTest::background_child);
}
TEST_F(ProcessTest, ManyInARow) {
  run(&ProcessTest::many);
}

}  // namespace
}  // namespace wrenn::envd
