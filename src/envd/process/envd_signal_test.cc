// How commands are ended, through the real envd.
#include "envd/envd_fixture.h"

namespace wrenn::envd {
namespace {

class SignalTest : public EnvdTest {
 public:
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
    for (const int bad : {0, 11, 64}) {
      const auto none = co_await send_signal(outcome.pid, static_cast<process::Signal>(bad));
      EXPECT_EQ(none.error().code, Code::kInvalidArgument) << bad;
    }
    WRENN_CO_TRY(co_await send_signal(outcome.pid, process::SIGNAL_SIGTERM));
    WRENN_CO_TRY(co_await take_rest(stream, outcome));
    EXPECT_EQ(outcome.end.exit_code(), -1);
    EXPECT_EQ(outcome.end.signal(), static_cast<std::uint32_t>(SIGTERM));
    EXPECT_EQ(outcome.end.status(), "signal: terminated");
    const auto gone = co_await send_signal(outcome.pid, process::SIGNAL_SIGTERM);
    EXPECT_EQ(gone.error().code, Code::kNotFound);
    co_return {};
  }

  Task<Result<void>> every_signal() {
    WRENN_CO_TRY_ASSIGN(
        auto stream,
        co_await open(shell("for s in HUP INT QUIT USR1 USR2; do trap \"echo $s\" $s; done;"
                            "echo ready; while :; do sleep 0.01; done")));
    Outcome outcome;
    while (outcome.out != "ready\n") WRENN_CO_TRY(co_await take_event(stream, outcome));
    const std::vector<std::pair<process::Signal, std::string>> signals = {
        {process::SIGNAL_SIGHUP, "HUP\n"},   {process::SIGNAL_SIGINT, "INT\n"},
        {process::SIGNAL_SIGQUIT, "QUIT\n"}, {process::SIGNAL_SIGUSR1, "USR1\n"},
        {process::SIGNAL_SIGUSR2, "USR2\n"},
    };
    for (const auto& [signal, name] : signals) {
      WRENN_CO_TRY(co_await send_signal(outcome.pid, signal));
      while (!outcome.out.ends_with(name)) WRENN_CO_TRY(co_await take_event(stream, outcome));
    }
    WRENN_CO_TRY(co_await send_signal(outcome.pid, process::SIGNAL_SIGSTOP));
    WRENN_CO_TRY(co_await send_signal(outcome.pid, process::SIGNAL_SIGTERM));
    WRENN_CO_TRY(co_await send_signal(outcome.pid, process::SIGNAL_SIGCONT));
    WRENN_CO_TRY(co_await take_rest(stream, outcome));
    EXPECT_EQ(outcome.end.signal(), static_cast<std::uint32_t>(SIGTERM));
    co_return {};
  }

  Task<Result<void>> deadline() {
    WRENN_CO_TRY_ASSIGN(auto stream, co_await open(shell("sleep 1000 & echo $!; wait"),
                                                   {.timeout = milliseconds(200)}));
    Outcome outcome;
    const auto ended = co_await take_rest(stream, outcome);
    EXPECT_EQ(ended.error().code, Code::kDeadlineExceeded);
    WRENN_CO_TRY(co_await wait_until_gone(static_cast<pid_t>(outcome.pid)));
    const auto child = base::parse_int<pid_t>(base::trim(outcome.out));
    co_return co_await wait_until_gone(child.value_or(0));
  }

  // The deadline is the command's life, whoever is still there to see its end.
  Task<Result<void>> deadline_without_caller() {
    Outcome outcome;
    {
      WRENN_CO_TRY_ASSIGN(auto stream,
                          co_await open(shell("sleep 1000"), {.timeout = milliseconds(300)}));
      WRENN_CO_TRY(co_await take_event(stream, outcome));
    }
    WRENN_CO_TRY(co_await wait_until_gone(static_cast<pid_t>(outcome.pid)));
    process::ConnectRequest request;
    *request.mutable_process() = select(outcome.pid);
    WRENN_CO_TRY_ASSIGN(const auto late, co_await follow(request));
    EXPECT_EQ(late.end.signal(), 9U);
    co_return {};
  }
};

TEST_F(SignalTest, ListAndKill) {
  run(&SignalTest::list_and_kill);
}
TEST_F(SignalTest, EverySignal) {
  run(&SignalTest::every_signal);
}
TEST_F(SignalTest, DeadlineKills) {
  run(&SignalTest::deadline);
}
TEST_F(SignalTest, DeadlineKillsWithoutCaller) {
  run(&SignalTest::deadline_without_caller);
}

}  // namespace
}  // namespace wrenn::envd
