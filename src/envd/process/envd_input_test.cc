// What goes into a command, through the real envd.
#include "envd/envd_fixture.h"

namespace wrenn::envd {
namespace {

class InputTest : public EnvdTest {
 public:
  Task<Result<void>> input() {
    process::StartRequest request;
    request.mutable_process()->set_cmd("cat");
    request.set_tag("my cat");
    WRENN_CO_TRY_ASSIGN(auto stream, co_await open(request));
    Outcome outcome;
    WRENN_CO_TRY(co_await take_event(stream, outcome));
    const std::string bytes(300'000, 'i');
    auto input = stdin_input(0, bytes);
    input.mutable_process()->set_tag("my cat");
    WRENN_CO_TRY(co_await send_input(input));
    WRENN_CO_TRY(co_await close_stdin(outcome.pid));
    WRENN_CO_TRY(co_await take_rest(stream, outcome));
    EXPECT_EQ(outcome.out, bytes);
    EXPECT_EQ(outcome.end.exit_code(), 0);
    const auto late = co_await send_input(input);
    EXPECT_EQ(late.error().code, Code::kNotFound);
    co_return {};
  }

  using Upload = connect::ClientStream<process::StreamInputRequest, process::StreamInputResponse>;
  Task<Result<Upload>> upload() {
    return client.client_stream<process::StreamInputRequest, process::StreamInputResponse>(
        "/process.Process/StreamInput");
  }

  Task<Result<void>> streamed() {
    process::StartRequest request;
    request.mutable_process()->set_cmd("cat");
    WRENN_CO_TRY_ASSIGN(auto stream, co_await open(request));
    Outcome outcome;
    WRENN_CO_TRY(co_await take_event(stream, outcome));
    WRENN_CO_TRY_ASSIGN(auto input, co_await upload());
    process::StreamInputRequest message;
    *message.mutable_start()->mutable_process() = select(outcome.pid);
    WRENN_CO_TRY(co_await input.write(message));
    std::string sent;
    for (int i = 0; i < 50; ++i) {
      const std::string line = base::concat("line ", i, '\n');
      message.mutable_data()->mutable_input()->set_stdin(line);
      WRENN_CO_TRY(co_await input.write(message));
      message.mutable_keepalive();
      WRENN_CO_TRY(co_await input.write(message));
      sent += line;
      while (outcome.out.size() < sent.size()) WRENN_CO_TRY(co_await take_event(stream, outcome));
    }
    EXPECT_EQ(outcome.out, sent);
    // The end of the stream is not that of the input.
    WRENN_CO_TRY(co_await input.finish());
    WRENN_CO_TRY(co_await send_input(stdin_input(outcome.pid, "more\n")));
    WRENN_CO_TRY(co_await close_stdin(outcome.pid));
    WRENN_CO_TRY(co_await take_rest(stream, outcome));
    EXPECT_EQ(outcome.out, sent + "more\n");
    co_return {};
  }

  Task<Result<void>> bad_streams() {
    WRENN_CO_TRY_ASSIGN(auto empty, co_await upload());
    const auto nothing = co_await empty.finish();
    EXPECT_EQ(nothing.error().code, Code::kInvalidArgument);
    process::StreamInputRequest message;
    message.mutable_data()->mutable_input()->set_stdin("x");
    WRENN_CO_TRY_ASSIGN(auto headless, co_await upload());
    WRENN_CO_TRY(co_await headless.write(message));
    const auto no_start = co_await headless.finish();
    EXPECT_EQ(no_start.error().code, Code::kInvalidArgument);
    message.mutable_start()->mutable_process()->set_pid(999'999);
    WRENN_CO_TRY_ASSIGN(auto lost, co_await upload());
    WRENN_CO_TRY(co_await lost.write(message));
    const auto unknown = co_await lost.finish();
    EXPECT_EQ(unknown.error().code, Code::kNotFound);
    co_return {};
  }

  Task<Result<void>> misuse() {
    WRENN_CO_TRY_ASSIGN(auto stream, co_await open(shell("sleep 1000")));
    Outcome outcome;
    WRENN_CO_TRY(co_await take_event(stream, outcome));
    const auto none = co_await send_input(stdin_input(outcome.pid, "x"));
    EXPECT_EQ(none.error().code, Code::kFailedPrecondition);
    auto typed = stdin_input(outcome.pid, "");
    typed.mutable_input()->set_pty("x");
    const auto pty = co_await send_input(typed);
    EXPECT_EQ(pty.error().code, Code::kFailedPrecondition);
    typed.clear_input();
    const auto empty = co_await send_input(typed);
    EXPECT_EQ(empty.error().code, Code::kInvalidArgument);
    typed.mutable_process()->set_tag("no such tag");
    const auto tag = co_await send_input(typed);
    EXPECT_EQ(tag.error().code, Code::kNotFound);
    typed.clear_process();
    const auto nobody = co_await send_input(typed);
    EXPECT_EQ(nobody.error().code, Code::kInvalidArgument);
    co_return {};
  }

  Task<Result<void>> null_input() {
    WRENN_CO_TRY_ASSIGN(const auto outcome, co_await exec(shell("readlink /proc/self/fd/0; cat")));
    EXPECT_EQ(outcome.out, "/dev/null\n");
    co_return {};
  }

  // A command that closes its input, and one that ends while somebody waits to write to it.
  Task<Result<void>> closed_by_the_command() {
    auto request = shell("exec 0<&-; echo closed; sleep 1000");
    request.set_stdin(true);
    WRENN_CO_TRY_ASSIGN(auto stream, co_await open(request));
    Outcome outcome;
    while (outcome.out.empty()) WRENN_CO_TRY(co_await take_event(stream, outcome));
    const auto written = co_await send_input(stdin_input(outcome.pid, "x"));
    EXPECT_EQ(written.error().code, Code::kFailedPrecondition);

    // The child keeps the pipe open, so that it never breaks.
    request = shell("sleep 2 </dev/stdin & sleep 0.2; exit 3");
    request.set_stdin(true);
    WRENN_CO_TRY_ASSIGN(auto other, co_await open(request));
    Outcome ended;
    WRENN_CO_TRY(co_await take_event(other, ended));
    const auto before = base::steady_now();
    const auto stuck = co_await send_input(stdin_input(ended.pid, std::string(300'000, 'x')));
    EXPECT_EQ(stuck.error().code, Code::kFailedPrecondition);
    WRENN_CO_TRY(co_await take_rest(other, ended));
    EXPECT_EQ(ended.end.exit_code(), 3);
    EXPECT_LT(base::to_ms(base::steady_now() - before), 1800);
    co_return {};
  }
};

TEST_F(InputTest, Input) {
  run(&InputTest::input);
}
TEST_F(InputTest, Streamed) {
  run(&InputTest::streamed);
}
TEST_F(InputTest, BadStreamsAreExplained) {
  run(&InputTest::bad_streams);
}
TEST_F(InputTest, MisuseIsExplained) {
  run(&InputTest::misuse);
}
TEST_F(InputTest, NullInput) {
  run(&InputTest::null_input);
}
TEST_F(InputTest, ClosedByTheCommand) {
  run(&InputTest::closed_by_the_command);
}

}  // namespace
}  // namespace wrenn::envd
