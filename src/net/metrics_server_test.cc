#include "net/metrics_server.h"

#include <gtest/gtest.h>

#include "base/files.h"
#include "base/strings.h"
#include "net/http_client.h"

namespace wrenn::net {
namespace {

constexpr std::string_view kToken = "0123456789abcdef";

class Source final : public MetricsSource {
 public:
  Task<std::string> metrics() override { co_return "wrenn_things 1\n"; }
};

struct Answer {
  int status = 0;
  std::string body;
  Headers headers;
};

// A server for one test, on a socket that nobody else has.
class MetricsServerTest : public testing::Test {
 protected:
  Task<Answer> ask(std::string method, std::string target, std::string authorization = {}) {
    HttpClient client(endpoint, {});
    Headers headers;
    if (!authorization.empty()) headers.set("Authorization", authorization);
    auto response = co_await client.send(
        {.method = std::move(method), .target = std::move(target), .headers = std::move(headers)});
    if (!response) co_return Answer();
    auto body = co_await read_all(*response, 1 << 20);
    co_return Answer{response->status(), body.value_or(""), response->headers()};
  }

  void run(std::string_view token, Task<void> test) {
    auto server = MetricsServer::start(
        loop, {.address = endpoint.to_string(), .token = base::Secret(std::string(token))}, source);
    ASSERT_TRUE(server && *server);
    loop.block_on(serve(**server, std::move(test)));
  }
  Task<void> serve(MetricsServer& server, Task<void> test) {
    TaskScope scope(loop);
    scope.spawn(server.serve());
    co_await std::move(test);
    scope.request_stop();
    co_await scope.join();
  }
  Task<void> expect(int status, std::string method, std::string target,
                    std::string authorization = {}) {
    const Answer answer = co_await ask(method, target, authorization);
    EXPECT_EQ(answer.status, status) << method << ' ' << target << ' ' << authorization;
    const bool has_figures = answer.body.contains("wrenn_things");
    EXPECT_EQ(has_figures, status == 200 && method == "GET") << answer.body;
    if (status == 200) {
      EXPECT_EQ(answer.headers.find("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    }
  }
  Task<void> expect_open() {
    co_await expect(200, "GET", "/metrics");
    co_await expect(200, "GET", "/metrics?x=1");
    co_await expect(200, "HEAD", "/metrics");
    co_await expect(405, "POST", "/metrics");
    co_await expect(404, "GET", "/");
    co_await expect(404, "GET", "/metrics/more");
  }
  Task<void> expect_guarded() {
    co_await expect(401, "GET", "/metrics");
    co_await expect(401, "GET", "/elsewhere");
    co_await expect(401, "GET", "/metrics", "Bearer 0123456789abcdeF");
    co_await expect(401, "GET", "/metrics", "Bearer ");
    co_await expect(401, "GET", "/metrics", std::string(kToken));
    co_await expect(200, "GET", "/metrics", base::concat("Bearer ", kToken));
    co_await expect(200, "GET", "/metrics", base::concat("bearer ", kToken));
  }

  base::TempDir dir = base::TempDir::create().value();
  Endpoint endpoint = Endpoint::unix_socket((dir.path() / "metrics.sock").string()).value();
  Loop loop;
  Source source;
};

TEST_F(MetricsServerTest, TellsFigures) {
  run("", expect_open());
}

TEST_F(MetricsServerTest, TellsThemToWhoHasTheToken) {
  run(kToken, expect_guarded());
}

base::Result<std::optional<Endpoint>> endpoint_of(std::string address, std::string_view token) {
  return metrics_endpoint(
      {.address = std::move(address), .token = base::Secret(std::string(token))});
}

TEST(MetricsEndpoint, OthersNeedAToken) {
  EXPECT_FALSE(endpoint_of("", "").value());
  for (const char* local : {"127.0.0.1:9180", "[::1]:9180", "unix:/run/x.sock", "localhost:1"}) {
    EXPECT_TRUE(endpoint_of(local, "")) << local;
    EXPECT_TRUE(endpoint_of(local, kToken)) << local;
  }
  for (const char* open : {"0.0.0.0:9180", ":9180", "[::]:9180", "10.0.0.1:9180"}) {
    const auto refused = endpoint_of(open, "");
    ASSERT_FALSE(refused) << open;
    EXPECT_TRUE(refused.error().remedy.contains("WRENN_METRICS_TOKEN"));
    EXPECT_TRUE(endpoint_of(open, kToken)) << open;
  }
}

TEST(MetricsEndpoint, SaysWhatIsWrong) {
  EXPECT_FALSE(endpoint_of("nonsense", ""));
  const auto guessable = endpoint_of("127.0.0.1:9180", "short");
  ASSERT_FALSE(guessable);
  EXPECT_TRUE(guessable.error().message.contains("16"));
  EXPECT_FALSE(guessable.error().to_string().contains("short"));
}

}  // namespace
}  // namespace wrenn::net
