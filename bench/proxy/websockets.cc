#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <optional>
#include <vector>

#include "base/strings.h"
#include "bench/proxy/load.h"
#include "net/scope.h"
#include "net/websocket_frame.h"

namespace wrenn::bench {
namespace {

constexpr std::size_t kMessage = 64;
// So many handshakes, or echoes of the idle ones, at a time.
constexpr std::size_t kAtATime = 64;

// The message as a client sends it and as a server does. Made once: the generator must not be what
// is measured.
struct Frames {
  std::string sent;
  std::string echo;
};

Frames make_frames() {
  const std::string payload(kMessage, 'w');
  const net::MaskKey mask{0x37, 0xfa, 0x21, 0x3d};
  const net::FrameHead from_client{.length = kMessage, .mask = mask};
  const net::FrameHead from_server{.length = kMessage};
  std::string masked = payload;
  net::apply_mask(masked, mask);
  return {net::write_frame_head(from_client) + masked,
          net::write_frame_head(from_server) + payload};
}

Task<Result<std::unique_ptr<Connection>>> open_websocket(const Target& target) {
  WRENN_CO_TRY_ASSIGN(auto connection, co_await Connection::connect(target.endpoint));
  constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
  WRENN_CO_TRY(co_await connection->stream().write_all(request_head(
      "GET", target,
      base::concat("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                   "Sec-WebSocket-Key: ",
                   kKey, "\r\n"))));
  WRENN_CO_TRY_ASSIGN(const auto head, co_await expect_status(*connection, 101));
  if (head.headers.find("Sec-WebSocket-Accept") != net::websocket_accept(kKey))
    co_return base::fail(base::Code::kUnknown, "the answer is to another handshake");
  co_return connection;
}

Task<Result<void>> echo_once(Connection& connection, const Frames& frames) {
  WRENN_CO_TRY(co_await connection.stream().write_all(frames.sent));
  while (connection.received().size() < frames.echo.size())
    WRENN_CO_TRY(co_await connection.receive());
  if (connection.received() != frames.echo)
    co_return base::fail(base::Code::kDataLoss, "the echo is not what was sent");
  connection.received().clear();
  co_return {};
}

// What the tasks of one load share.
struct Shared {
  Target target;
  LoadOptions options;
  Frames frames = make_frames();
  std::vector<std::unique_ptr<Connection>> connections{};
  std::size_t next = 0;  // Of the connections, for those who take one after another.
  base::SteadyTime end{};
  std::vector<double> times_us{};
  std::optional<base::Error> error{};

  void fail(base::Error other) {
    if (!error) error = std::move(other);
  }
};

Task<void> open_some(Shared* all) {
  while (!all->error && all->next < all->connections.size()) {
    const std::size_t mine = all->next++;
    auto made = co_await open_websocket(all->target);
    if (!made) {
      all->fail(std::move(made).error().with_context(base::concat("WebSocket ", mine + 1)));
      co_return;
    }
    all->connections[mine] = std::move(*made);
  }
}

Task<void> echo_some(Shared* all) {
  while (!all->error && all->next < all->connections.size()) {
    const std::size_t mine = all->next++;
    if (auto done = co_await echo_once(*all->connections[mine], all->frames); !done)
      all->fail(std::move(done).error().with_context(base::concat("idle WebSocket ", mine + 1)));
  }
}

Task<void> echo_until_end(Shared* all, Connection* connection) {
  auto begin = base::steady_now();
  while (!all->error && begin < all->end) {
    if (auto done = co_await echo_once(*connection, all->frames); !done) {
      all->fail(std::move(done).error());
      co_return;
    }
    const auto now = base::steady_now();
    all->times_us.push_back(std::chrono::duration<double, std::micro>(now - begin).count());
    begin = now;
  }
}

Task<Result<void>> open_all(Shared* all) {
  const net::Context context = co_await net::current_context();
  all->connections.resize(all->options.connections);
  net::TaskScope scope(*context.loop);
  for (std::size_t i = 0; i < kAtATime; ++i) scope.spawn(open_some(all));
  co_await scope.join();
  if (all->error) co_return base::fail(*all->error);
  co_return {};
}

Task<Result<void>> echo_all_once(Shared* all) {
  const net::Context context = co_await net::current_context();
  all->next = 0;
  net::TaskScope scope(*context.loop);
  for (std::size_t i = 0; i < kAtATime; ++i) scope.spawn(echo_some(all));
  co_await scope.join();
  if (all->error) co_return base::fail(*all->error);
  co_return {};
}

// By nearest rank: a value that was really measured.
double percentile(const std::vector<double>& ordered, double percent) {
  const double rank = std::ceil(static_cast<double>(ordered.size()) * percent / 100);
  return ordered[std::max<std::size_t>(1, static_cast<std::size_t>(rank)) - 1];
}

void wait_for_end_of_input() {
  std::array<char, 64> ignored;
  while (true) {
    const ssize_t n = ::read(STDIN_FILENO, ignored.data(), ignored.size());
    if (n == 0 || (n < 0 && errno != EINTR)) return;
  }
}

}  // namespace

Task<Result<Figures>> echo_load(Target target, LoadOptions options) {
  const net::Context context = co_await net::current_context();
  Shared all{.target = std::move(target), .options = options};
  WRENN_CO_TRY(co_await open_all(&all));
  // The first use of a connection is not what is measured.
  WRENN_CO_TRY(co_await echo_all_once(&all));
  all.times_us.reserve(1u << 20);
  const auto begin = base::steady_now();
  all.end = begin + options.time;
  net::TaskScope scope(*context.loop);
  for (const auto& connection : all.connections)
    scope.spawn(echo_until_end(&all, connection.get()));
  co_await scope.join();
  if (all.error) co_return base::fail(*all.error);
  const std::chrono::duration<double> seconds = base::steady_now() - begin;
  std::ranges::sort(all.times_us);
  const auto count = static_cast<double>(all.times_us.size());
  co_return Figures{{"operations", count},
                    {"req_per_s", count / seconds.count()},
                    {"p50_us", percentile(all.times_us, 50)},
                    {"p99_us", percentile(all.times_us, 99)}};
}

Result<Figures> hold_idle(net::Loop& loop, Target target, LoadOptions options) {
  Shared all{.target = std::move(target), .options = options};
  WRENN_TRY(loop.block_on(open_all(&all)));
  std::puts("open");
  std::fflush(stdout);
  wait_for_end_of_input();
  WRENN_TRY(loop.block_on(echo_all_once(&all)));
  return Figures{{"operations", static_cast<double>(all.connections.size())}};
}

}  // namespace wrenn::bench
