#include "net/loop.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <array>
#include <thread>

#include <gtest/gtest.h>

#include "net/blocking.h"
#include "net/scope.h"
#include "net/stream.h"
#include "net/sync.h"

namespace wrenn::net {
namespace {

using base::Code;
using base::Result;
using std::chrono::milliseconds;

Task<int> add(int a, int b) {
  co_return a + b;
}

Task<int> sum_up_to(int n) {
  int sum = 0;
  for (int i = 1; i <= n; ++i) sum = co_await add(sum, i);
  co_return sum;
}

TEST(Task, ManyChildrenThatEndAtOnceDoNotEatTheStack) {
  Loop loop;
  EXPECT_EQ(loop.block_on(sum_up_to(40'000)), 800'020'000);
}

// Frames of every size class, more of them at once than are kept.
template <std::size_t N>
Task<std::size_t> fill_frame(int depth) {
  std::array<unsigned char, N> bytes;
  bytes.fill(static_cast<unsigned char>(depth));
  const std::size_t below = depth == 0 ? 0 : co_await fill_frame<N>(depth - 1);
  const auto is_mine = [&](unsigned char byte) { return byte == depth % 256; };
  co_return below + (std::ranges::all_of(bytes, is_mine) ? 1 : 0);
}

TEST(Task, FramesAreUsedAgainAndNeverShared) {
  Loop loop;
  for (int round = 0; round < 3; ++round) {
    EXPECT_EQ(loop.block_on(fill_frame<1>(200)), 201u);
    EXPECT_EQ(loop.block_on(fill_frame<1000>(200)), 201u);
    EXPECT_EQ(loop.block_on(fill_frame<10'000>(200)), 201u);
  }
}

Task<int> throws() {
  throw std::runtime_error("from the child");
  co_return 0;
}

Task<bool> catches() {
  try {
    co_await throws();
  } catch (const std::runtime_error&) {
    co_return true;
  }
  co_return false;
}

TEST(Task, ExceptionsReachTheParent) {
  Loop loop;
  EXPECT_TRUE(loop.block_on(catches()));
}

TEST(WithTimeout, EndsAWaitThatTakesTooLong) {
  Loop loop;
  const auto result =
      loop.block_on(with_timeout(milliseconds(5), sleep_for(std::chrono::hours(1))));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kDeadlineExceeded);
}

TEST(WithTimeout, LeavesAQuickTaskAlone) {
  Loop loop;
  EXPECT_TRUE(loop.block_on(with_timeout(std::chrono::hours(1), sleep_for(milliseconds(1)))));
}

Task<Result<void>> outer_deadline() {
  co_return co_await with_timeout(std::chrono::hours(1), sleep_for(std::chrono::hours(2)));
}

TEST(WithTimeout, AnOuterDeadlineReachesInnerTasks) {
  Loop loop;
  const auto result = loop.block_on(with_timeout(milliseconds(5), outer_deadline()));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kDeadlineExceeded);
}

Task<void> count_until_stopped(int* stopped) {
  const auto slept = co_await sleep_for(std::chrono::hours(1));
  if (!slept && slept.error().code == Code::kCanceled) ++*stopped;
}

Task<int> stop_three() {
  const Context context = co_await current_context();
  int stopped = 0;
  TaskScope scope(*context.loop);
  for (int i = 0; i < 3; ++i) scope.spawn(count_until_stopped(&stopped));
  (void)co_await sleep_for(milliseconds(1));
  scope.request_stop();
  co_await scope.join();
  co_return stopped;
}

TEST(TaskScope, StopsItsTasksAndWaitsForThem) {
  Loop loop;
  EXPECT_EQ(loop.block_on(stop_three()), 3);
}

Task<void> produce(Channel<int>* channel, int count) {
  for (int i = 0; i < count; ++i) {
    if (!co_await channel->send(i)) co_return;
  }
  channel->close();
}

Task<int> consume_all() {
  const Context context = co_await current_context();
  Channel<int> channel(4);
  TaskScope scope(*context.loop);
  scope.spawn(produce(&channel, 100));
  int expected = 0;
  while (true) {
    const auto value = co_await channel.receive();
    if (!value || !*value) break;
    EXPECT_EQ(**value, expected++);
  }
  co_await scope.join();
  co_return expected;
}

TEST(Channel, KeepsOrderAndLosesNothing) {
  Loop loop;
  EXPECT_EQ(loop.block_on(consume_all()), 100);
}

Task<void> enter(Mutex* mutex, int* inside, int* most) {
  const auto lock = co_await mutex->lock();
  *most = std::max(*most, ++*inside);
  (void)co_await sleep_for(milliseconds(1));
  --*inside;
}

Task<int> contend() {
  const Context context = co_await current_context();
  Mutex mutex;
  int inside = 0;
  int most = 0;
  TaskScope scope(*context.loop);
  for (int i = 0; i < 5; ++i) scope.spawn(enter(&mutex, &inside, &most));
  co_await scope.join();
  co_return most;
}

TEST(Mutex, LetsOneInAtATime) {
  Loop loop;
  EXPECT_EQ(loop.block_on(contend()), 1);
}

Task<Result<std::thread::id>> other_thread(BlockingPool* pool) {
  co_return co_await pool->run(
      []() -> Result<std::thread::id> { return std::this_thread::get_id(); });
}

TEST(BlockingPool, RunsElsewhereAndComesBack) {
  Loop loop;
  BlockingPool pool(2);
  const auto id = loop.block_on(other_thread(&pool));
  ASSERT_TRUE(id);
  EXPECT_NE(*id, std::this_thread::get_id());
}

// Under the thread sanitizer this shows a post() that touches its loop after the loop has ended.
TEST(BlockingPool, ALoopMayEndAsSoonAsTheLastAnswerIsIn) {
  BlockingPool pool(2);
  for (int i = 0; i < 500; ++i) {
    Loop loop;
    EXPECT_TRUE(loop.block_on(other_thread(&pool)));
  }
}

Task<Result<void>> throw_elsewhere(BlockingPool* pool) {
  co_return co_await pool->run([]() -> Result<void> { throw std::runtime_error("elsewhere"); });
}

Task<bool> catch_here(BlockingPool* pool) {
  try {
    (void)co_await throw_elsewhere(pool);
  } catch (const std::runtime_error&) {
    co_return true;
  }
  co_return false;
}

TEST(BlockingPool, AnExceptionComesBackToTheCaller) {
  Loop loop;
  BlockingPool pool(1);
  EXPECT_TRUE(loop.block_on(catch_here(&pool)));
}

// Counts its reads, because they succeed without end.
Task<Result<void>> read_without_end(Stream* stream, unsigned* reads) {
  std::array<char, 8> buffer;
  while (true) {
    WRENN_CO_TRY(co_await stream->read_some(buffer));
    ++*reads;
  }
}

TEST(Stream, OneThatAlwaysHasBytesIsStoppedInTime) {
  constexpr unsigned kAlmostEndless = 20'000'000;
  Loop loop;
  auto stream = Stream::adopt(
      loop, base::Fd(::eventfd(kAlmostEndless, EFD_SEMAPHORE | EFD_CLOEXEC | EFD_NONBLOCK)));
  ASSERT_TRUE(stream);
  unsigned reads = 0;
  const auto result =
      loop.block_on(with_timeout(milliseconds(5), read_without_end(stream->get(), &reads)));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kDeadlineExceeded);
  EXPECT_LT(reads, kAlmostEndless);
}

TEST(WaitReadable, SeesADescriptorThatIsReadyAlready) {
  Loop loop;
  const base::Fd fd(::eventfd(1, EFD_CLOEXEC));
  EXPECT_TRUE(loop.block_on(wait_readable(fd.get())));
}

Task<Result<std::string>> talk_over_unix_socket(Loop* loop, Endpoint endpoint) {
  WRENN_CO_TRY_ASSIGN(Listener listener, Listener::listen(*loop, endpoint));
  WRENN_CO_TRY_ASSIGN(auto client, co_await connect(endpoint));
  WRENN_CO_TRY_ASSIGN(auto server, co_await listener.accept());
  WRENN_CO_TRY_ASSIGN(const PeerCredentials peer, server->peer_credentials());
  EXPECT_EQ(peer.uid, ::getuid());
  WRENN_CO_TRY(co_await client->write_all("he", "llo"));
  client->shutdown_write();
  std::string received;
  std::array<char, 4> buffer;
  while (true) {
    WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await server->read_some(buffer));
    if (n == 0) co_return received;
    received.append(buffer.data(), n);
  }
}

TEST(Stream, ReadsWhatWasWritten) {
  Loop loop;
  const auto path = base::concat("/tmp/wrenn-loop-test-", ::getpid(), ".sock");
  const auto text = loop.block_on(talk_over_unix_socket(&loop, *Endpoint::unix_socket(path)));
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, "hello");
}

TEST(Stream, ConnectingToNobodyIsUnavailable) {
  Loop loop;
  const auto stream = loop.block_on(connect(*Endpoint::parse("127.0.0.1:1")));
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, Code::kUnavailable);
}

TEST(Endpoint, ParsesItsForms) {
  EXPECT_EQ(Endpoint::parse(":8080")->to_string(), "0.0.0.0:8080");
  EXPECT_EQ(Endpoint::parse("[::1]:80")->to_string(), "[::1]:80");
  EXPECT_EQ(Endpoint::parse("unix:/run/x.sock")->path(), "/run/x.sock");
  for (const auto* text : {"", "8080", "host:80", "127.0.0.1", "127.0.0.1:99999", "unix:"}) {
    EXPECT_FALSE(Endpoint::parse(text)) << text;
  }
}

}  // namespace
}  // namespace wrenn::net
