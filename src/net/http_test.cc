// The HTTP server and client against each other, and the server against hostile clients.
#include <array>
#include <thread>

#include <gtest/gtest.h>

#include "net/http_client.h"
#include "net/http_server.h"
#include "net/sync.h"

namespace wrenn::net {
namespace {

using base::Code;
using base::Result;
using std::chrono::milliseconds;

// Answers by path: what the tests need of a service.
class Service final : public HttpHandler {
 public:
  Task<Result<void>> handle(Request& request, ResponseWriter& response) override {
    ++requests;
    const std::string_view path = request.path();
    if (path == "/echo") {
      WRENN_CO_TRY_ASSIGN(const std::string body, co_await read_all(request.body(), 1 << 20));
      co_return co_await response.send(200, Headers().with("X-Method", request.method()), body);
    }
    if (path == "/id") {
      const std::string id(request.headers().find("x-request-id").value_or("none"));
      co_return co_await response.send(200, {}, id);
    }
    if (path == "/stream") co_return co_await stream(response);
    if (path == "/ignore") co_return co_await response.send(413, {}, "too large");
    if (path == "/silent") co_return {};
    if (path == "/abort") co_return co_await cut(response);
    if (path == "/wait") co_return co_await wait(request, response);
    if (path == "/upgrade") co_return co_await upgrade(request, response);
    if (path == "/trailers") co_return co_await trailers(request, response);
    if (path == "/hints") co_return co_await hints(response);
    if (path == "/flood") co_return co_await flood(response);
    if (path == "/cut-others") {
      server->cut_all_but(request.stream());
      co_return co_await response.send(200, {}, "done");
    }
    co_return co_await response.send(404, {}, "");
  }

  int requests = 0;
  bool saw_disconnect = false;
  bool saw_broken_write = false;
  HttpServer* server = nullptr;  // While it runs.

 private:
  static Task<Result<void>> stream(ResponseWriter& response) {
    WRENN_CO_TRY(co_await response.start(200, {}));
    for (int i = 0; i < 1000; ++i) WRENN_CO_TRY(co_await response.write(std::string(100, 'x')));
    co_return co_await response.finish();
  }
  // Shouts back what comes after the upgrade.
  static Task<Result<void>> upgrade(Request& request, ResponseWriter& response) {
    WRENN_CO_TRY(co_await response.upgrade(Headers().with("Upgrade", "shout")));
    std::array<char, 100> buffer;
    WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await request.input().read(buffer));
    co_return co_await request.stream().write_all({buffer.data(), n}, "!");
  }
  static Task<Result<void>> trailers(Request& request, ResponseWriter& response) {
    WRENN_CO_TRY_ASSIGN(const std::string body, co_await read_all(request.body(), 100));
    WRENN_CO_TRY_ASSIGN(const Headers fields, request.body().trailers());
    WRENN_CO_TRY(co_await response.start(200, {}));
    WRENN_CO_TRY(co_await response.write(body));
    co_return co_await response.finish_with(fields);
  }
  static Task<Result<void>> hints(ResponseWriter& response) {
    WRENN_CO_TRY(co_await response.interim(103, Headers().with("Link", "</a>")));
    co_return co_await response.send(200, {}, "");
  }
  static Task<Result<void>> cut(ResponseWriter& response) {
    WRENN_CO_TRY(co_await response.start(200, {}));
    WRENN_CO_TRY(co_await response.write("half"));
    response.abort();
    co_return {};
  }
  // Until a write fails.
  Task<Result<void>> flood(ResponseWriter& response) {
    WRENN_CO_TRY(co_await response.start(200, {}));
    const std::string bytes(1 << 20, 'f');
    while (true) {
      const auto written = co_await response.write(bytes);
      saw_broken_write = !written && written.error().code == Code::kUnavailable;
      if (!written) co_return written;
    }
  }
  Task<Result<void>> wait(Request& request, ResponseWriter& response) {
    WRENN_CO_TRY(co_await response.start(200, {}));
    auto waited = co_await stop_on_disconnect(request.stream(), sleep_for(std::chrono::hours(1)));
    saw_disconnect = !waited && waited.error().code == Code::kCanceled;
    co_return waited;
  }
};

// Sends bytes as they are and reads until the server closes.
Task<Result<std::string>> raw(Endpoint endpoint, std::string bytes) {
  WRENN_CO_TRY_ASSIGN(auto stream, co_await connect(endpoint));
  WRENN_CO_TRY(co_await stream->write_all(bytes));
  std::string answer;
  std::array<char, 4096> buffer;
  while (true) {
    const auto n = co_await stream->read_some(buffer);
    if (!n || *n == 0) co_return answer;
    answer.append(buffer.data(), *n);
  }
}

class HttpTest : public testing::Test {
 protected:
  HttpTest() {
    options.header_timeout = milliseconds(200);
    options.idle_timeout = milliseconds(500);
  }

  // Runs `test` beside a server and stops the server afterwards.
  template <class F>
  void run(F test) {
    auto listener = Listener::listen(loop, *Endpoint::parse("127.0.0.1:0"));
    ASSERT_TRUE(listener) << listener.error().message;
    endpoint = *Endpoint::tcp("127.0.0.1", listener->port());
    HttpServer server(service, options);
    service.server = &server;
    loop.block_on(run_both(server, std::move(*listener), test()));
  }

  static Task<void> run_both(HttpServer& server, Listener listener, Task<void> test) {
    const Context context = co_await current_context();
    TaskScope scope(*context.loop);
    scope.spawn(server.serve(std::move(listener)));
    co_await std::move(test);
    scope.request_stop();
    co_await scope.join();
  }

  Loop loop;
  Service service;
  HttpServerOptions options;
  Endpoint endpoint = *Endpoint::parse("127.0.0.1:1");
};

Task<Result<std::string>> get(HttpClient& client, std::string target) {
  WRENN_CO_TRY_ASSIGN(auto response, co_await client.send({.target = std::move(target)}));
  co_return co_await read_all(response, 1 << 20);
}

Task<void> check_echo(Endpoint endpoint) {
  HttpClient client(endpoint, {});
  for (const std::size_t size : {0u, 1u, 100'000u}) {
    const std::string body(size, 'b');
    auto response = co_await client.send({.method = "POST", .target = "/echo", .body = body});
    EXPECT_TRUE(response) << (response ? "" : response.error().message);
    if (!response) co_return;
    EXPECT_EQ(response->status(), 200);
    EXPECT_EQ(response->headers().find("x-method"), "POST");
    EXPECT_EQ((co_await read_all(*response, 1 << 20)).value_or("failed"), body);
  }
  StringSource source("streamed body");
  auto chunked = co_await client.send({.method = "PUT", .target = "/echo", .stream = &source});
  EXPECT_TRUE(chunked);
  if (chunked) {
    EXPECT_EQ((co_await read_all(*chunked, 100)).value_or("failed"), "streamed body");
  }
}

TEST_F(HttpTest, EchoesBodies) {
  run([this] { return check_echo(endpoint); });
}

Task<void> store_id(HttpClient& client, std::string& got) {
  got = (co_await get(client, "/id")).value_or("failed");
}

// What runs beside the task, and whatever stops it, works for the same request.
Task<void> check_ids_of_children(HttpClient& client) {
  const Context context = co_await current_context();
  TaskScope beside(context);
  std::string got;
  beside.spawn(store_id(client, got));
  co_await beside.join();
  EXPECT_EQ(got, "trace-1");
  const auto in_time = co_await with_timeout(std::chrono::seconds(30), get(client, "/id"));
  EXPECT_EQ(in_time.value_or("failed"), "trace-1");
  const auto unstopped = co_await with_stop(StopToken(), get(client, "/id"));
  EXPECT_EQ(unstopped.value_or("failed"), "trace-1");
  const auto inner = co_await with_request_id("trace-2", get(client, "/id"));
  EXPECT_EQ(inner.value_or("failed"), "trace-2");
  auto own =
      co_await client.send({.target = "/id", .headers = Headers().with("X-Request-Id", "its-own")});
  EXPECT_TRUE(own);
  if (own) EXPECT_EQ((co_await read_all(*own, 100)).value_or("failed"), "its-own");
  auto upload = co_await client.upload({.method = "POST", .target = "/id"});
  EXPECT_TRUE(upload);
  if (!upload) co_return;
  auto answer = co_await upload->finish("x");
  EXPECT_TRUE(answer);
  if (answer) EXPECT_EQ((co_await read_all(*answer, 100)).value_or("failed"), "trace-1");
  EXPECT_EQ(co_await current_request_id(), "trace-1");
}

Task<void> check_ids(Endpoint endpoint) {
  HttpClient client(endpoint, {});
  EXPECT_EQ((co_await get(client, "/id")).value_or("failed"), "none");
  co_await with_request_id("trace-1", check_ids_of_children(client));
  EXPECT_EQ(co_await current_request_id(), "");
  EXPECT_EQ((co_await get(client, "/id")).value_or("failed"), "none");
}

TEST_F(HttpTest, ARequestsIdIsToldToWhomItAsks) {
  run([this] { return check_ids(endpoint); });
}

Task<void> check_streaming(Endpoint endpoint) {
  HttpClient client(endpoint, {});
  EXPECT_EQ((co_await get(client, "/stream")).value_or("failed"), std::string(100'000, 'x'));
  EXPECT_FALSE(co_await get(client, "/abort"));
  const auto silent = co_await client.send({.target = "/silent"});
  EXPECT_TRUE(silent && silent->status() == 500);
}

TEST_F(HttpTest, StreamsAndNeverMakesAHalfBodyLookWhole) {
  run([this] { return check_streaming(endpoint); });
}

Task<void> check_reuse(Endpoint endpoint) {
  HttpClient client(endpoint, {});
  EXPECT_TRUE(co_await get(client, "/stream"));
  EXPECT_TRUE(co_await get(client, "/stream"));
  // The server drops idle connections meanwhile: the client must notice.
  (void)co_await sleep_for(milliseconds(700));
  EXPECT_TRUE(co_await get(client, "/stream"));
}

TEST_F(HttpTest, AConnectionTheServerDroppedIsReplaced) {
  run([this] { return check_reuse(endpoint); });
  EXPECT_EQ(service.requests, 3);
}

// A source with more bytes than the server is willing to take.
class Endless final : public ByteSource {
 public:
  Task<Result<std::size_t>> read(std::span<char> buffer) override {
    std::fill(buffer.begin(), buffer.end(), 'e');
    sent += buffer.size();
    co_return sent > (64u << 20) ? 0 : buffer.size();
  }
  std::size_t sent = 0;
};

Task<void> check_early_answer(Endpoint endpoint) {
  HttpClient client(endpoint, {});
  Endless source;
  auto response = co_await client.send({.method = "POST", .target = "/ignore", .stream = &source});
  EXPECT_TRUE(response) << (response ? "" : response.error().message);
  if (response) {
    EXPECT_EQ(response->status(), 413);
  }
}

TEST_F(HttpTest, AnAnswerDuringAnUploadIsNotLost) {
  run([this] { return check_early_answer(endpoint); });
}

// A body that breaks off, as that of another request does whose client went away.
class Broken final : public ByteSource {
 public:
  Task<Result<std::size_t>> read(std::span<char>) override {
    co_return base::fail(Code::kUnavailable, "the source broke");
  }
};

Task<void> check_broken_source(Endpoint endpoint) {
  HttpClient client(endpoint, {});
  Broken source;
  const auto response = co_await with_timeout(
      milliseconds(200),
      client.send({.method = "POST", .target = "/echo", .stream = &source, .stream_length = 10}));
  EXPECT_FALSE(response);
  if (!response) {
    EXPECT_EQ(response.error().message, "the source broke");
  }
}

TEST_F(HttpTest, AnUploadWhoseSourceBreaksEndsAtOnce) {
  run([this] { return check_broken_source(endpoint); });
}

Task<void> check_disconnect(Endpoint endpoint, bool* saw) {
  {
    auto stream = co_await connect(endpoint);
    EXPECT_TRUE(co_await (*stream)->write_all("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"));
    (void)co_await sleep_for(milliseconds(50));
  }
  for (int i = 0; i < 100 && !*saw; ++i) (void)co_await sleep_for(milliseconds(10));
  EXPECT_TRUE(*saw);
}

TEST_F(HttpTest, TheHandlerLearnsThatTheClientLeft) {
  run([this] { return check_disconnect(endpoint, &service.saw_disconnect); });
}

Task<std::unique_ptr<Stream>> open_and_send(Endpoint endpoint, std::string target) {
  auto stream = std::move(*co_await connect(endpoint));
  EXPECT_TRUE(
      co_await stream->write_all(base::concat("GET ", target, " HTTP/1.1\r\nHost: a\r\n\r\n")));
  co_return stream;
}

// A handler that waits, one whose client does not read, and a connection without a request.
Task<void> check_cut(Endpoint endpoint, Service& service) {
  const auto waits = co_await open_and_send(endpoint, "/wait");
  const auto unread = co_await open_and_send(endpoint, "/flood");
  const auto idle = co_await open_and_send(endpoint, "/echo");
  while (service.requests < 3) (void)co_await sleep_for(milliseconds(5));
  (void)co_await sleep_for(milliseconds(50));
  HttpClient client(endpoint, {});
  const auto started = base::steady_now();
  EXPECT_EQ((co_await get(client, "/cut-others")).value_or("failed"), "done");
  while (service.server->connections() > 1 &&
         base::steady_now() - started < std::chrono::seconds(5)) {
    (void)co_await sleep_for(milliseconds(1));
  }
  EXPECT_EQ(service.server->connections(), 1U);
  EXPECT_LT(base::steady_now() - started, milliseconds(300));  // And not after a timeout.
  EXPECT_TRUE(service.saw_disconnect);
  EXPECT_TRUE(service.saw_broken_write);
  // The one that asked for it goes on, on its connection.
  const int before = service.requests;
  EXPECT_EQ((co_await get(client, "/cut-others")).value_or("failed"), "done");
  EXPECT_EQ(service.requests, before + 1);
  EXPECT_EQ(service.server->connections(), 1U);
}

TEST_F(HttpTest, AllConnectionsButOneAreCut) {
  options.idle_timeout = std::chrono::seconds(60);
  run([this] { return check_cut(endpoint, service); });
}

Task<void> check_hostile(Endpoint endpoint, std::string bytes, std::string expected) {
  const auto answer = co_await with_timeout(std::chrono::seconds(5), raw(endpoint, bytes));
  EXPECT_TRUE(answer && answer->starts_with(expected))
      << bytes.substr(0, 80) << " -> " << answer.value_or("nothing").substr(0, 80);
}

TEST_F(HttpTest, HostileRequestsGetTheRightStatus) {
  const std::string host = "Host: a\r\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"garbage\r\n\r\n", "HTTP/1.1 400 "},
      {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
      {"GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n" + host + "\r\n", "HTTP/1.1 414 "},
      {"GET / HTTP/1.1\r\n" + host + "X: " + std::string(70'000, 'a'), "HTTP/1.1 431 "},
      {"GET / HTTP/1.1\r\n" + host, "HTTP/1.1 408 "},  // and then nothing: slowloris
      {"POST /echo HTTP/1.1\r\n" + host + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
       "HTTP/1.1 500 "},
      {"GET /echo HTTP/1.0\r\n\r\n", "HTTP/1.1 200 "},
      {"HEAD /echo HTTP/1.1\r\n" + host + "Connection: close\r\n\r\n", "HTTP/1.1 200 "},
      {"POST /echo HTTP/1.1\r\n" + host +
           "Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 "},
      {"", ""},
  };
  for (const auto& [bytes, expected] : cases) {
    run([&, this] { return check_hostile(endpoint, bytes, expected); });
  }
}

Task<void> check_raw(Endpoint endpoint, std::string bytes, std::string expected) {
  const auto answer = co_await with_timeout(std::chrono::seconds(5), raw(endpoint, bytes));
  EXPECT_EQ(answer.value_or("nothing"), expected);
}

TEST_F(HttpTest, AnUpgradedConnectionIsTheHandlers) {
  run([this] {
    return check_raw(endpoint, "GET /upgrade HTTP/1.1\r\nHost: a\r\n\r\nhey",
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: shout\r\n\r\nhey!");
  });
}

TEST_F(HttpTest, TrailersComeAndGo) {
  run([this] {
    return check_raw(endpoint,
                     "POST /trailers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                     "Connection: close\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\nX-Sum: 6\r\nB: c\r\n\r\n",
                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
                     "3\r\nabc\r\n0\r\nX-Sum: 6\r\nB: c\r\n\r\n");
  });
}

TEST_F(HttpTest, InterimResponsesPrecedeTheResponse) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  run([&, this] {
    return check_raw(endpoint, "GET /hints HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                     "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + answer);
  });
  run([&, this] { return check_raw(endpoint, "GET /hints HTTP/1.0\r\n\r\n", answer); });
}

Task<void> check_pipelined(Endpoint endpoint) {
  const std::string one = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n";
  const auto answer = co_await raw(endpoint, one + "1" + one + "2");
  EXPECT_TRUE(answer);
  EXPECT_NE(answer->find("\r\n\r\n1HTTP/1.1 200"), std::string::npos) << *answer;
  EXPECT_TRUE(answer->ends_with("\r\n\r\n2")) << *answer;
}

TEST_F(HttpTest, PipelinedRequestsAreAnsweredInOrder) {
  run([this] { return check_pipelined(endpoint); });
}

}  // namespace
}  // namespace wrenn::net
