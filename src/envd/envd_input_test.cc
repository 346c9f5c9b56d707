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
