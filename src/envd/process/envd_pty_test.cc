// Terminals, through the real envd.
#include "envd/envd_fixture.h"

namespace wrenn::envd {
namespace {

process::StartRequest in_terminal(std::string script, std::uint32_t columns = 0,
                                  std::uint32_t rows = 0) {
  auto request = shell(std::move(script));
  request.clear_stdin();
  request.mutable_pty()->mutable_size()->set_cols(columns);
  request.mutable_pty()->mutable_size()->set_rows(rows);
  return request;
}

class PtyTest : public EnvdTest {
 public:
  Task<Result<void>> is_a_terminal() {
    // The way through /dev/tty is open for a session that has a controlling terminal only.
    WRENN_CO_TRY_ASSIGN(const auto outcome,
                        co_await exec(in_terminal(
                            "tty; stty size; echo told >/dev/tty; echo err >&2; exit 7", 100, 40)));
    EXPECT_TRUE(outcome.pty.starts_with("/dev/pts/")) << outcome.pty;
    EXPECT_TRUE(outcome.pty.ends_with("\r\n40 100\r\ntold\r\nerr\r\n")) << outcome.pty;
    EXPECT_EQ(outcome.out + outcome.err, "");
    EXPECT_EQ(outcome.end.exit_code(), 7);
    WRENN_CO_TRY_ASSIGN(const auto by_default, co_await exec(in_terminal("stty size")));
    EXPECT_EQ(by_default.pty, "24 80\r\n");
    const auto huge = co_await exec(in_terminal("true", 65536, 1));
    EXPECT_EQ(huge.error().code, Code::kInvalidArgument);
    WRENN_CO_TRY_ASSIGN(const auto user, co_await exec(in_terminal("test -O $(tty) && id -un"),
                                                       {.headers = as_user("daemon")}));
    EXPECT_EQ(user.pty, "daemon\r\n");
    co_return {};
  }

  Task<Result<void>> input() {
    WRENN_CO_TRY_ASSIGN(auto stream, co_await open(in_terminal("stty -echo; echo ready; read line;"
                                                               "echo got $line; exec sleep 1000")));
    Outcome outcome;
    WRENN_CO_TRY(co_await until(stream, outcome, "ready\r\n"));
    WRENN_CO_TRY(co_await type(outcome.pid, "abc\n"));
    WRENN_CO_TRY(co_await until(stream, outcome, "got abc\r\n"));

    const auto as_stdin = co_await send_input(stdin_input(outcome.pid, "x"));
    EXPECT_EQ(as_stdin.error().code, Code::kFailedPrecondition);
    const auto closed = co_await close_stdin(outcome.pid);
    EXPECT_EQ(closed.error().code, Code::kFailedPrecondition);

    WRENN_CO_TRY(co_await type(outcome.pid, "\x03"));
    WRENN_CO_TRY(co_await take_rest(stream, outcome));
    EXPECT_EQ(outcome.end.signal(), static_cast<std::uint32_t>(SIGINT));
    EXPECT_EQ(outcome.end.status(), "signal: interrupt");
    co_return {};
  }

  Task<Result<void>> resize() {
    WRENN_CO_TRY_ASSIGN(auto stream,
                        co_await open(in_terminal("trap 'stty size; exit 0' WINCH; echo ready;"
                                                  "while :; do sleep 0.02; done")));
    Outcome outcome;
    WRENN_CO_TRY(co_await until(stream, outcome, "ready\r\n"));
    process::UpdateRequest update;
    *update.mutable_process() = select(outcome.pid);
    WRENN_CO_TRY(co_await client.unary<process::UpdateResponse>("/process.Process/Update", update));
    update.mutable_pty()->mutable_size()->set_cols(120);
    update.mutable_pty()->mutable_size()->set_rows(50);
    WRENN_CO_TRY(co_await client.unary<process::UpdateResponse>("/process.Process/Update", update));
    WRENN_CO_TRY(co_await take_rest(stream, outcome));
    EXPECT_EQ(outcome.pty, "ready\r\n50 120\r\n");

    WRENN_CO_TRY_ASSIGN(auto plain, co_await open(shell("sleep 1000")));
    WRENN_CO_TRY(co_await take_event(plain, outcome));
    *update.mutable_process() = select(outcome.pid);
    const auto refused =
        co_await client.unary<process::UpdateResponse>("/process.Process/Update", update);
    EXPECT_EQ(refused.error().code, Code::kFailedPrecondition);
    co_return {};
  }

  Task<Result<void>> much_output() {
    WRENN_CO_TRY_ASSIGN(
        const auto outcome,
        co_await exec(in_terminal("head -c 2000000 /dev/zero | tr '\\0' x; echo .")));
    EXPECT_EQ(outcome.pty.size(), 2'000'003U);
    EXPECT_TRUE(outcome.pty.ends_with("x.\r\n"));
    co_return {};
  }

 private:
  Task<Result<void>> type(std::uint32_t pid, std::string keys) {
    process::SendInputRequest request;
    *request.mutable_process() = select(pid);
    request.mutable_input()->set_pty(std::move(keys));
    return send_input(std::move(request));
  }
  Task<Result<void>> until(StartStream& stream, Outcome& outcome, std::string end) {
    while (!outcome.pty.ends_with(end)) {
      WRENN_CO_TRY_ASSIGN(const bool ended, co_await take_event(stream, outcome));
      if (ended) co_return base::fail(Code::kInternal, "ended after: " + outcome.pty);
    }
    co_return {};
  }
};

TEST_F(PtyTest, IsATerminal) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  run(&PtyTest::is_a_terminal);
}
TEST_F(PtyTest, Input) {
  run(&PtyTest::input);
}
TEST_F(PtyTest, Resize) {
  run(&PtyTest::resize);
}
TEST_F(PtyTest, MuchOutput) {
  run(&PtyTest::much_output);
}

}  // namespace
}  // namespace wrenn::envd
