// Commands, through the real envd.
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
    WRENN_CO_TRY_ASSIGN(const auto killed, co_await exec(shell("kill -9 $$")));
    EXPECT_EQ(killed.end.exit_code(), 137);
    EXPECT_FALSE(killed.end.exited());
    EXPECT_EQ(killed.end.status(), "signal: killed");
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
    const auto init = co_await send(
        "POST", "/init",
        base::concat(R"({"defaultUser":"daemon","defaultWorkdir":")", dir.path().native(), "\"}"));
    EXPECT_EQ(init.value_or(Reply()).status, 204);
    WRENN_CO_TRY_ASSIGN(const auto by_default, co_await exec(shell("id -un; pwd")));
    EXPECT_EQ(by_default.out, base::concat("daemon\n", dir.path().native(), '\n'));
    co_return {};
  }

  Task<Result<void>> input() {
    process::StartRequest request;
    request.mutable_process()->set_cmd("cat");
    request.set_tag("my cat");
    WRENN_CO_TRY_ASSIGN(auto stream, co_await open(request));
    Outcome outcome;
    WRENN_CO_TRY(co_await take_event(stream, outcome));
    process::SendInputRequest input;
    input.mutable_process()->set_tag("my cat");
    const std::string bytes(300'000, 'i');
    input.mutable_input()->set_stdin(bytes);
    WRENN_CO_TRY(
        co_await client.unary<process::SendInputResponse>("/process.Process/SendInput", input));
    process::CloseStdinRequest close;
    *close.mutable_process() = select(outcome.pid);
    WRENN_CO_TRY(
        co_await client.unary<process::CloseStdinResponse>("/process.Process/CloseStdin", close));
    WRENN_CO_TRY(co_await take_rest(stream, outcome));
    EXPECT_EQ(outcome.out, bytes);
    EXPECT_EQ(outcome.end.exit_code(), 0);
    const auto late =
        co_await client.unary<process::SendInputResponse>("/process.Process/SendInput", input);
    EXPECT_EQ(late.error().code, Code::kNotFound);
    co_return {};
  }

  Task<Result<void>> list_and_kill() {
    // The whole group dies, so that the child does not hold the output open.
    WRENN_CO_TRY_ASSIGN(auto stream, co_await open(shell("sleep 1000 & sleep 1000")));
    Outcome outcome;
    WRENN_CO_TRY(co_await take_event(stream, outcome));
    WRENN_CO_TRY_ASSIGN(const auto list, co_await client.unary<process::ListResponse>(
                                             "/process.Process/List", process::ListRequest()));
    EXPECT_EQ(list.processes_size(), 1);
    EXPECT_EQ(list.processes(0).pid(), outcome.pid);
    EXPECT_EQ(list.processes(0).config().cmd(), "/bin/sh");
    process::SendSignalRequest signal;
    *signal.mutable_process() = select(outcome.pid);
    const auto none =
        co_await client.unary<process::SendSignalResponse>("/process.Process/SendSignal", signal);
    EXPECT_EQ(none.error().code, Code::kInvalidArgument);
    signal.set_signal(process::SIGNAL_SIGTERM);
    WRENN_CO_TRY(
        co_await client.unary<process::SendSignalResponse>("/process.Process/SendSignal", signal));
    WRENN_CO_TRY(co_await take_rest(stream, outcome));
    EXPECT_EQ(outcome.end.exit_code(), 128 + SIGTERM);
    const auto gone =
        co_await client.unary<process::SendSignalResponse>("/process.Process/SendSignal", signal);
    EXPECT_EQ(gone.error().code, Code::kNotFound);
    co_return {};
  }

  Task<Result<void>> deadline() {
    WRENN_CO_TRY_ASSIGN(auto stream,
                        co_await open(shell("sleep 1000"), {.timeout = milliseconds(200)}));
    Outcome outcome;
    const auto ended = co_await take_rest(stream, outcome);
    EXPECT_EQ(ended.error().code, Code::kDeadlineExceeded);
    co_return co_await wait_until_gone(static_cast<pid_t>(outcome.pid));
  }

  // The command goes on, its output does not block it, and another caller may follow it.
  Task<Result<void>> caller_goes_away() {
    Outcome outcome;
    const std::string mark = (dir.path() / "mark").native();
    {
      WRENN_CO_TRY_ASSIGN(auto stream,
                          co_await open(shell("head -c 5000000 /dev/zero; touch " + mark +
                                              "; sleep 0.3; echo late; exit 4")));
      WRENN_CO_TRY(co_await take_event(stream, outcome));
    }
    for (int i = 0; i < 200 && !std::filesystem::exists(mark); ++i) {
      WRENN_CO_TRY(co_await net::sleep_for(milliseconds(10)));
    }
    process::ConnectRequest request;
    *request.mutable_process() = select(outcome.pid);
    WRENN_CO_TRY_ASSIGN(auto stream, co_await client.stream<process::ConnectResponse>(
                                         "/process.Process/Connect", request));
    std::string out;
    int exit_code = -1;
    while (true) {
      WRENN_CO_TRY_ASSIGN(const auto message, co_await stream.next());
      if (!message) break;
      out += message->event().data().stdout();
      if (message->event().has_end()) exit_code = message->event().end().exit_code();
    }
    EXPECT_TRUE(out.ends_with("late\n"));
    EXPECT_EQ(exit_code, 4);
    co_return {};
  }

  Task<Result<void>> slow_reader() {
    WRENN_CO_TRY_ASSIGN(auto stream, co_await open(shell("head -c 30000000 /dev/zero; echo end")));
    Outcome outcome;
    WRENN_CO_TRY(co_await take_event(stream, outcome));
    WRENN_CO_TRY(co_await net::sleep_for(milliseconds(700)));
    WRENN_CO_TRY(co_await take_rest(stream, outcome));
    EXPECT_EQ(outcome.out.size(), 30'000'004U);
    EXPECT_TRUE(outcome.out.ends_with("end\n"));
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
TEST_F(ProcessTest, Input) {
  run(&ProcessTest::input);
}
TEST_F(ProcessTest, ListAndKill) {
  run(&ProcessTest::list_and_kill);
}
TEST_F(ProcessTest, DeadlineKills) {
  run(&ProcessTest::deadline);
}
TEST_F(ProcessTest, OutlivesItsCaller) {
  run(&ProcessTest::caller_goes_away);
}
TEST_F(ProcessTest, SlowReaderLosesNothing) {
  run(&ProcessTest::slow_reader);
}
TEST_F(ProcessTest, BackgroundChildDoesNotHoldUpTheEnd) {
  run(&ProcessTest::background_child);
}
TEST_F(ProcessTest, ManyInARow) {
  run(&ProcessTest::many);
}

}  // namespace
}  // namespace wrenn::envd
