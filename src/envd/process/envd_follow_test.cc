// Those who follow a command's output, through the real envd.
#include "envd/envd_fixture.h"

namespace wrenn::envd {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;

process::ConnectRequest from_offset(std::uint32_t pid, std::uint64_t offset) {
  process::ConnectRequest request;
  *request.mutable_process() = select(pid);
  request.set_output_offset(offset);
  return request;
}

class FollowTest : public EnvdTest {
 public:
  static Task<void> drain(ConnectStream stream, Outcome& outcome) {
    const auto ended = co_await take_rest(stream, outcome);
    EXPECT_TRUE(ended);
  }

  // The command goes on, its output does not block it, and another caller may follow it.
  Task<Result<void>> caller_goes_away() {
    Outcome outcome;
    const std::string mark = (dir.path() / "mark").native();
    const std::string go = (dir.path() / "go").native();
    {
      WRENN_CO_TRY_ASSIGN(auto stream,
                          co_await open(shell(base::concat(
                              "head -c 5000000 /dev/zero; touch ", mark, "; while [ ! -e ", go,
                              " ]; do sleep 0.01; done; echo late; exit 4"))));
      WRENN_CO_TRY(co_await take_event(stream, outcome));
    }
    WRENN_CO_TRY(co_await wait_until_exists(mark));
    process::ConnectRequest request;
    *request.mutable_process() = select(outcome.pid);
    WRENN_CO_TRY_ASSIGN(auto stream, co_await connect(request));
    Outcome second;
    WRENN_CO_TRY(co_await take_event(stream, second));
    WRENN_CO_TRY(base::write_file_atomic(go, ""));
    WRENN_CO_TRY(co_await take_rest(stream, second));
    EXPECT_EQ(second.out, "late\n");
    EXPECT_EQ(second.offset, 5'000'000U);
    EXPECT_EQ(second.end.exit_code(), 4);
    co_return {};
  }

  Task<Result<void>> replay() {
    WRENN_CO_TRY_ASSIGN(auto stream, co_await open(shell("printf abc; sleep 0.05; printf def >&2;"
                                                         "sleep 0.05; printf ghi; sleep 1000")));
    Outcome first;
    while (first.out != "abcghi") WRENN_CO_TRY(co_await take_event(stream, first));
    EXPECT_EQ(first.offset, 0U);
    WRENN_CO_TRY_ASSIGN(auto from_start, co_await connect(from_offset(first.pid, 0)));
    WRENN_CO_TRY_ASSIGN(auto from_middle, co_await connect(from_offset(first.pid, 4)));
    Outcome all;
    Outcome part;
    while (all.out.size() < 6) WRENN_CO_TRY(co_await take_event(from_start, all));
    while (part.out.size() < 3) WRENN_CO_TRY(co_await take_event(from_middle, part));
    EXPECT_EQ(all.out, "abcghi");
    EXPECT_EQ(all.err, "def");
    EXPECT_EQ(part.offset, 4U);
    EXPECT_EQ(part.out, "ghi");
    EXPECT_EQ(part.err, "ef");
    const auto future = co_await follow(from_offset(first.pid, 10));
    EXPECT_EQ(future.error().code, Code::kOutOfRange);
    WRENN_CO_TRY(co_await send_signal(first.pid, process::SIGNAL_SIGKILL));
    WRENN_CO_TRY(co_await take_rest(from_start, all));
    WRENN_CO_TRY(co_await take_rest(from_middle, part));
    EXPECT_EQ(all.end.signal(), 9U);
    EXPECT_EQ(part.end.signal(), 9U);
    co_return {};
  }

  Task<Result<void>> oldest_falls_out() {
    constexpr std::uint64_t kTotal = 3'000'006;
    WRENN_CO_TRY_ASSIGN(const auto outcome,
                        co_await exec(shell("head -c 3000000 /dev/zero; echo -n theend")));
    EXPECT_EQ(outcome.out.size(), kTotal);
    WRENN_CO_TRY_ASSIGN(const auto kept, co_await follow(from_offset(outcome.pid, 1)));
    EXPECT_GE(kept.out.size(), kMiB);
    EXPECT_LT(kept.out.size(), kMiB + 100'000);
    EXPECT_EQ(kept.offset + kept.out.size(), kTotal);
    EXPECT_TRUE(kept.out.ends_with("theend"));
    co_return {};
  }

  Task<Result<void>> late() {
    auto request = shell("echo out; echo err >&2; exit 5");
    request.set_tag("gone");
    WRENN_CO_TRY_ASSIGN(const auto outcome, co_await exec(request));
    process::ConnectRequest ask;
    ask.mutable_process()->set_tag("gone");
    WRENN_CO_TRY_ASSIGN(const auto end_only, co_await follow(ask));
    EXPECT_EQ(end_only.pid, outcome.pid);
    EXPECT_EQ(end_only.out + end_only.err, "");
    EXPECT_EQ(end_only.end.exit_code(), 5);
    ask.set_output_offset(0);
    WRENN_CO_TRY_ASSIGN(const auto all, co_await follow(ask));
    EXPECT_EQ(all.out, "out\n");
    EXPECT_EQ(all.err, "err\n");
    EXPECT_EQ(all.end.status(), "exit status 5");
    WRENN_CO_TRY_ASSIGN(const auto list, co_await client.unary<process::ListResponse>(
                                             "/process.Process/List", process::ListRequest()));
    EXPECT_EQ(list.processes_size(), 0);
    const auto signal = co_await send_signal(outcome.pid, process::SIGNAL_SIGTERM);
    EXPECT_EQ(signal.error().code, Code::kNotFound);
    const auto unknown = co_await follow(from_offset(999'999, 0));
    EXPECT_EQ(unknown.error().code, Code::kNotFound);
    co_return {};
  }

  // The slow one loses nothing although another is fast.
  Task<Result<void>> slow_reader() {
    WRENN_CO_TRY_ASSIGN(auto slow, co_await open(shell("head -c 30000000 /dev/zero; echo end")));
    Outcome slow_one;
    WRENN_CO_TRY(co_await take_event(slow, slow_one));
    WRENN_CO_TRY_ASSIGN(auto fast, co_await connect(from_offset(slow_one.pid, 0)));
    Outcome fast_one;
    net::TaskScope scope(loop);
    scope.spawn(drain(std::move(fast), fast_one));
    // More than the log keeps cannot come before the slow one reads.
    WRENN_CO_TRY(co_await net::sleep_for(milliseconds(100)));
    WRENN_CO_TRY(co_await take_rest(slow, slow_one));
    co_await scope.join();
    EXPECT_EQ(slow_one.out.size(), 30'000'004U);
    EXPECT_TRUE(slow_one.out.ends_with("end\n"));
    EXPECT_EQ(fast_one.offset + fast_one.out.size(), 30'000'004U);
    co_return {};
  }

  // One that does not read holds the command up, and no longer than it is there.
  Task<Result<void>> stuck_reader_leaves() {
    Outcome outcome;
    const base::Path mark = dir.path() / "mark";
    {
      WRENN_CO_TRY_ASSIGN(
          auto stream, co_await open(shell("head -c 30000000 /dev/zero; touch " + mark.native())));
      WRENN_CO_TRY(co_await take_event(stream, outcome));
      WRENN_CO_TRY(co_await net::sleep_for(milliseconds(200)));
      EXPECT_FALSE(std::filesystem::exists(mark));
    }
    co_return co_await wait_until_exists(mark);
  }

  Task<Result<void>> keepalive() {
    const connect::CallOptions every_second{
        .headers = net::Headers().with("Keepalive-Ping-Interval", "1")};
    WRENN_CO_TRY_ASSIGN(const auto outcome,
                        co_await exec(shell("sleep 2.5; echo x; sleep 0.6"), every_second));
    EXPECT_EQ(outcome.keepalives, 2);
    EXPECT_EQ(outcome.out, "x\n");
    for (const char* bad : {"", "0", "-1", "soon"}) {
      const auto refused = co_await exec(
          shell("true"), {.headers = net::Headers().with("Keepalive-Ping-Interval", bad)});
      EXPECT_EQ(refused.error().code, Code::kInvalidArgument) << bad;
    }
    co_return {};
  }
};

TEST_F(FollowTest, CommandOutlivesItsCaller) {
  run(&FollowTest::caller_goes_away);
}
TEST_F(FollowTest, Replay) {
  run(&FollowTest::replay);
}
TEST_F(FollowTest, OldestFallsOut) {
  run(&FollowTest::oldest_falls_out);
}
TEST_F(FollowTest, LateConnect) {
  run(&FollowTest::late);
}
TEST_F(FollowTest, SlowReaderLosesNothing) {
  run(&FollowTest::slow_reader);
}
TEST_F(FollowTest, StuckReaderLeaves) {
  run(&FollowTest::stuck_reader_leaves);
}
TEST_F(FollowTest, KeepAlive) {
  run(&FollowTest::keepalive);
}

}  // namespace
}  // namespace wrenn::envd
