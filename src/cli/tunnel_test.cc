// The tunnel against a real HTTP server whose handler does what the proxy does.
#include "cli/tunnel.h"

#include <array>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "net/http_server.h"
#include "net/scope.h"

namespace wrenn::cli {
namespace {

using net::Task;

const std::string kId = "cl-0000000000000000000000001";

// Greets, and sends back what it got once that has ended; refuses all ports but 7.
class Far final : public net::HttpHandler {
 public:
  Task<base::Result<void>> handle(net::Request& request, net::ResponseWriter& response) override {
    path = request.path();
    token = request.headers().find("x-wrenn-traffic-token").value_or("");
    if (!path.ends_with("/7")) {
      co_return co_await response.send(
          502, {}, R"({"sandboxId":"cl-1","message":"nobody listens there","port":8,"code":502})");
    }
    EXPECT_TRUE(request.headers().has_token("connection", "upgrade"));
    EXPECT_EQ(request.headers().find("upgrade"), "tcp");
    WRENN_CO_TRY(co_await response.upgrade(net::Headers().with("Upgrade", "tcp")));
    // Before the client has said anything: such protocols exist.
    WRENN_CO_TRY(co_await request.stream().write_all("hello\n"));
    std::array<char, 4096> buffer;
    while (true) {
      WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await request.input().read(buffer));
      if (n == 0) break;
      received.append(buffer.data(), n);
    }
    co_return co_await request.stream().write_all(received);
  }

  std::string path;
  std::string token;
  std::string received;
};

struct Tunnels {
  net::Loop loop;
  Far far;
  TunnelTarget target{.proxy = net::Endpoint::parse("127.0.0.1:1").value(),
                      .authority = "127.0.0.1:1",
                      .sandbox_id = kId,
                      .port = 7,
                      .traffic_token = base::Secret("secret")};

  void run(Task<void> (*test)(Tunnels&)) { loop.block_on(serve(test)); }

  // A connection whose other end is carried; how that ended is in `result`.
  Task<std::unique_ptr<net::Stream>> open(net::TaskScope& scope, base::Result<void>& result) {
    auto listener = net::Listener::listen(loop, net::Endpoint::parse("127.0.0.1:0").value());
    auto local = co_await net::connect(net::Endpoint::tcp("127.0.0.1", listener->port()).value());
    auto accepted = co_await listener->accept();
    scope.spawn(note(carry(std::move(*accepted), target), result));
    co_return std::move(*local);
  }

 private:
  static Task<void> note(Task<base::Result<void>> task, base::Result<void>& result) {
    result = co_await std::move(task);
  }
  Task<void> serve(Task<void> (*test)(Tunnels&)) {
    net::HttpServer server(far, {});
    net::TaskScope scope(loop);
    auto listener = net::Listener::listen(loop, net::Endpoint::parse("127.0.0.1:0").value());
    target.proxy = net::Endpoint::tcp("127.0.0.1", listener->port()).value();
    scope.spawn(server.serve(std::move(*listener)));
    co_await test(*this);
    scope.request_stop();
    co_await scope.join();
  }
};

Task<std::string> read_to_end(net::Stream& stream) {
  std::string out;
  std::array<char, 4096> buffer;
  while (true) {
    const auto n = co_await stream.read_some(buffer);
    if (!n || *n == 0) co_return out;
    out.append(buffer.data(), *n);
  }
}

Task<void> check_both_ways(Tunnels& tunnels) {
  net::TaskScope scope(tunnels.loop);
  base::Result<void> result = base::fail(base::Code::kUnknown, "it did not end");
  const auto stream = co_await tunnels.open(scope, result);
  const std::string bytes = std::string(1 << 20, 'x') + std::string("\0\xff\r\n\r\n", 6);
  EXPECT_TRUE(co_await stream->write_all(bytes));
  stream->shutdown_write();
  const std::string answer = co_await read_to_end(*stream);
  EXPECT_TRUE(answer == "hello\n" + bytes) << answer.size();
  co_await scope.join();
  EXPECT_TRUE(result) << result.error().to_string();
  EXPECT_EQ(tunnels.far.path, "/tunnel/" + kId + "/7");
  EXPECT_EQ(tunnels.far.token, "secret");
}

TEST(Tunnel, CarriesBothDirectionsAndTheEndOfEach) {
  Tunnels().run(check_both_ways);
}

Task<void> check_refusal(Tunnels& tunnels) {
  net::TaskScope scope(tunnels.loop);
  base::Result<void> result;
  tunnels.target.port = 8;
  const auto stream = co_await tunnels.open(scope, result);
  EXPECT_EQ(co_await read_to_end(*stream), "");
  co_await scope.join();
  EXPECT_EQ(result ? "" : result.error().message, "nobody listens there");
}

TEST(Tunnel, TellsWhyThereIsNoWay) {
  Tunnels().run(check_refusal);
}

Task<void> check_no_proxy(Tunnels& tunnels) {
  net::TaskScope scope(tunnels.loop);
  base::Result<void> result;
  tunnels.target.proxy = net::Endpoint::parse("127.0.0.1:1").value();
  const auto stream = co_await tunnels.open(scope, result);
  EXPECT_EQ(co_await read_to_end(*stream), "");
  co_await scope.join();
  EXPECT_EQ(result ? base::Code::kUnknown : result.error().code, base::Code::kUnavailable);
}

TEST(Tunnel, TellsThatThereIsNoProxy) {
  Tunnels().run(check_no_proxy);
}

Task<void> check_stop(Tunnels& tunnels) {
  net::TaskScope scope(tunnels.loop);
  base::Result<void> result = base::fail(base::Code::kUnknown, "it did not end");
  const auto stream = co_await tunnels.open(scope, result);
  std::array<char, 6> buffer;
  EXPECT_TRUE(co_await stream->read_some(buffer)) << "it is open";
  scope.request_stop();
  co_await scope.join();
  EXPECT_EQ(co_await read_to_end(*stream), "");
  EXPECT_TRUE(result);
}

TEST(Tunnel, EndsWhenItIsStopped) {
  Tunnels().run(check_stop);
}

}  // namespace
}  // namespace wrenn::cli
