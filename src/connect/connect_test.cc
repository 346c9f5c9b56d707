// Router and Client against each other on loopback, and the Router against plain HTTP clients.
#include <gtest/gtest.h>

#include "base/strings.h"
#include "connect/client.h"
#include "connect/error.h"
#include "connect/router.h"
#include "net/scope.h"
#include "proto/process.pb.h"

namespace wrenn::connect {
namespace {

using base::Code;
using base::Result;
using net::Task;
using std::chrono::milliseconds;

// Uses the messages of the guest agent, but not its meaning.
class Service {
 public:
  Task<Result<process::ProcessInfo>> echo(CallContext& context,
                                          const process::ProcessConfig& request) {
    if (request.cmd() == "fail") {
      co_return base::fail(Code::kFailedPrecondition, "not now", "wait a bit");
    }
    if (request.cmd() == "sleep") {
      WRENN_CO_TRY(co_await net::sleep_for(std::chrono::hours(1)));
    }
    context.response_headers.set("X-Seen", context.request_headers.find("x-sent").value_or("-"));
    process::ProcessInfo info;
    *info.mutable_config() = request;
    info.set_pid(7);
    co_return info;
  }

  Task<Result<void>> count(CallContext& context, const process::ConnectRequest& request,
                           StreamWriter<process::ConnectResponse>& out) {
    for (std::uint32_t i = 0; i < request.process().pid(); ++i) {
      process::ConnectResponse response;
      response.mutable_event()->mutable_start()->set_pid(i);
      WRENN_CO_TRY(co_await out.write(response));
    }
    if (request.process().tag() == "fail") co_return base::fail(Code::kAborted, "half way");
    if (request.process().tag() == "wait") {
      WRENN_CO_TRY(co_await out.start());
      const auto slept = co_await net::sleep_for(std::chrono::hours(1));
      saw_deadline = context.deadline_passed();
      saw_stop = !slept;
      co_return slept;
    }
    co_return {};
  }

  bool saw_stop = false;
  bool saw_deadline = false;
};

constexpr const char* kEcho = "/test.Service/Echo";
constexpr const char* kCount = "/test.Service/Count";

struct Answer {
  int status = 0;
  std::string type;
  std::string body;
  std::string seen;
};

class ConnectTest : public testing::Test {
 protected:
  ConnectTest() : router({.max_message_bytes = 1000}) {
    router.unary(kEcho, service, &Service::echo);
    router.stream(kCount, service, &Service::count);
  }

  // Runs the test's coroutine beside a server and stops the server afterwards.
  template <class Test>
  void run(Task<Result<void>> (Test::*test)()) {
    auto listener = net::Listener::listen(loop, *net::Endpoint::parse("127.0.0.1:0"));
    ASSERT_TRUE(listener) << listener.error().message;
    http.emplace(*net::Endpoint::tcp("127.0.0.1", listener->port()), net::HttpClientOptions());
    client.emplace(*http);
    net::HttpServer server(router, {});
    const auto result =
        loop.block_on(run_both(server, std::move(*listener), (static_cast<Test*>(this)->*test)()));
    EXPECT_TRUE(result) << result.error().to_string();
  }

  static Task<Result<void>> run_both(net::HttpServer& server, net::Listener listener,
                                     Task<Result<void>> test) {
    const net::Context context = co_await net::current_context();
    net::TaskScope scope(*context.loop);
    scope.spawn(server.serve(std::move(listener)));
    auto result = co_await std::move(test);
    scope.request_stop();
    co_await scope.join();
    co_return result;
  }

  Task<Result<Answer>> post(std::string path, std::string type, std::string body,
                            std::string method = "POST", std::string timeout = "") {
    net::ClientRequest request;
    request.method = std::move(method);
    request.target = std::move(path);
    request.headers.set("Content-Type", type);
    request.headers.set("X-Sent", "sent");
    if (!timeout.empty()) request.headers.set("Connect-Timeout-Ms", timeout);
    request.body = std::move(body);
    WRENN_CO_TRY_ASSIGN(auto response, co_await http->send(std::move(request)));
    Answer answer;
    answer.status = response.status();
    answer.type = response.headers().find("content-type").value_or("");
    answer.seen = response.headers().find("x-seen").value_or("");
    WRENN_CO_TRY_ASSIGN(answer.body, co_await net::read_all(response, 1 << 20));
    co_return answer;
  }

  net::Loop loop;
  Service service;
  Router router;
  std::optional<net::HttpClient> http;
  std::optional<Client> client;
};

process::ProcessConfig command(std::string cmd) {
  process::ProcessConfig config;
  config.set_cmd(std::move(cmd));
  return config;
}

process::ConnectRequest selector(std::uint32_t count) {
  process::ConnectRequest request;
  request.mutable_process()->set_pid(count);
  return request;
}

process::ConnectRequest selector(std::string tag) {
  process::ConnectRequest request;
  request.mutable_process()->set_tag(std::move(tag));
  return request;
}

class UnaryTest : public ConnectTest {
 public:
  Task<Result<void>> binary() {
    WRENN_CO_TRY_ASSIGN(auto reply,
                        co_await client->unary<process::ProcessInfo>(kEcho, command("hello")));
    EXPECT_EQ(reply.config().cmd(), "hello");
    EXPECT_EQ(reply.pid(), 7U);
    const auto failed = co_await client->unary<process::ProcessInfo>(kEcho, command("fail"));
    EXPECT_EQ(failed.error().code, Code::kFailedPrecondition);
    EXPECT_EQ(failed.error().message, "not now");
    EXPECT_EQ(failed.error().remedy, "wait a bit");
    co_return {};
  }

  Task<Result<void>> json() {
    WRENN_CO_TRY_ASSIGN(auto good, co_await post(kEcho, "application/json; charset=utf-8",
                                                 R"({"cmd":"ls","args":["-l"],"later":[1,{}]})"));
    EXPECT_EQ(good.status, 200);
    EXPECT_EQ(good.type, "application/json");
    EXPECT_EQ(good.body, R"({"config":{"cmd":"ls","args":["-l"]},"pid":7})");
    EXPECT_EQ(good.seen, "sent");
    WRENN_CO_TRY_ASSIGN(auto failed, co_await post(kEcho, "application/json", R"({"cmd":"fail"})"));
    EXPECT_EQ(failed.status, 400);
    EXPECT_EQ(failed.body,
              R"({"code":"failed_precondition","message":"not now","remedy":"wait a bit"})");
    co_return {};
  }

  Task<Result<void>> bad_requests() {
    const std::string json = "application/json";
    WRENN_CO_TRY_ASSIGN(auto broken, co_await post(kEcho, json, "{\"cmd\":"));
    EXPECT_EQ(broken.status, 400);
    EXPECT_EQ(parse_error_json(broken.body)->code, Code::kInvalidArgument);
    WRENN_CO_TRY_ASSIGN(auto type, co_await post(kEcho, "text/html", "{}"));
    EXPECT_EQ(type.status, 415);
    WRENN_CO_TRY_ASSIGN(auto kind, co_await post(kEcho, "application/connect+json", "{}"));
    EXPECT_EQ(kind.status, 415);
    WRENN_CO_TRY_ASSIGN(auto method, co_await post(kEcho, json, "", "GET"));
    EXPECT_EQ(method.status, 405);
    WRENN_CO_TRY_ASSIGN(auto unknown, co_await post("/test.Service/Nothing", json, "{}"));
    EXPECT_EQ(unknown.status, 404);
    EXPECT_EQ(parse_error_json(unknown.body)->code, Code::kUnimplemented);
    WRENN_CO_TRY_ASSIGN(auto large, co_await post(kEcho, json, std::string(1001, ' ')));
    EXPECT_EQ(large.status, 429);
    EXPECT_EQ(parse_error_json(large.body)->code, Code::kResourceExhausted);
    WRENN_CO_TRY_ASSIGN(auto timeout, co_await post(kEcho, json, "{}", "POST", "soon"));
    EXPECT_EQ(timeout.status, 400);
    co_return {};
  }

  Task<Result<void>> deadline() {
    WRENN_CO_TRY_ASSIGN(
        auto late, co_await post(kEcho, "application/json", R"({"cmd":"sleep"})", "POST", "30"));
    EXPECT_EQ(late.status, 504);
    EXPECT_EQ(parse_error_json(late.body)->code, Code::kDeadlineExceeded);
    const auto reply = co_await client->unary<process::ProcessInfo>(kEcho, command("sleep"),
                                                                    {.timeout = milliseconds(30)});
    EXPECT_EQ(reply.error().code, Code::kDeadlineExceeded);
    co_return {};
  }

  Task<Result<void>> foreign_answer() {
    const auto reply = co_await client->unary<process::ProcessInfo>("/no.Such/Thing", command("x"));
    EXPECT_EQ(reply.error().code, Code::kUnimplemented);
    co_return {};
  }
};

TEST_F(UnaryTest, Binary) {
  run(&UnaryTest::binary);
}
TEST_F(UnaryTest, Json) {
  run(&UnaryTest::json);
}
TEST_F(UnaryTest, BadRequestsGetTheirStatus) {
  run(&UnaryTest::bad_requests);
}
TEST_F(UnaryTest, DeadlineEndsTheCall) {
  run(&UnaryTest::deadline);
}
TEST_F(UnaryTest, PathOfNobodyIsUnimplemented) {
  run(&UnaryTest::foreign_answer);
}

class StreamTest : public ConnectTest {
 public:
  Task<Result<void>> binary() {
    for (int round = 0; round < 2; ++round) {  // The second on the first one's connection.
      WRENN_CO_TRY_ASSIGN(
          auto stream, co_await client->stream<process::ConnectResponse>(kCount, selector(1000)));
      std::uint32_t count = 0;
      while (true) {
        WRENN_CO_TRY_ASSIGN(auto message, co_await stream.next());
        if (!message) break;
        EXPECT_EQ(message->event().start().pid(), count++);
      }
      EXPECT_EQ(count, 1000U);
    }
    co_return {};
  }

  Task<Result<void>> error_at_the_end() {
    WRENN_CO_TRY_ASSIGN(
        auto stream, co_await client->stream<process::ConnectResponse>(kCount, selector("fail")));
    const auto message = co_await stream.next();
    EXPECT_EQ(message.error().code, Code::kAborted);
    EXPECT_EQ(message.error().message, "half way");
    co_return {};
  }

  Task<Result<void>> json() {
    const std::string type = "application/connect+json";
    WRENN_CO_TRY_ASSIGN(
        auto answer, co_await post(kCount, type, encode_envelope(0, R"({"process":{"pid":2}})")));
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.type, type);
    EXPECT_EQ(answer.body, encode_envelope(0, R"({"event":{"start":{}}})") +
                               encode_envelope(0, R"({"event":{"start":{"pid":1}}})") +
                               encode_envelope(kEndOfStreamFlag, "{}"));
    co_return {};
  }

  Task<Result<void>> bad_requests() {
    const std::string type = "application/connect+json";
    const std::string twice = encode_envelope(0, "{}") + encode_envelope(0, "{}");
    for (const std::string& body :
         {std::string(), std::string("abc"), twice, encode_envelope(0, "nonsense"),
          encode_envelope(1, "{}"), encode_envelope(0, std::string(1001, ' '))}) {
      WRENN_CO_TRY_ASSIGN(auto answer, co_await post(kCount, type, body));
      EXPECT_EQ(answer.status, 200) << body;
      EXPECT_TRUE(answer.body.starts_with('\x02')) << body;
      EXPECT_NE(answer.body.find("\"error\""), std::string::npos) << body;
    }
    co_return {};
  }

  Task<Result<void>> deadline() {
    WRENN_CO_TRY_ASSIGN(auto stream, co_await client->stream<process::ConnectResponse>(
                                         kCount, selector("wait"), {.timeout = milliseconds(50)}));
    const auto message = co_await stream.next();
    EXPECT_EQ(message.error().code, Code::kDeadlineExceeded);
    EXPECT_TRUE(service.saw_deadline);
    co_return {};
  }

  Task<Result<void>> disconnect() {
    {
      WRENN_CO_TRY_ASSIGN(
          auto stream, co_await client->stream<process::ConnectResponse>(kCount, selector("wait")));
    }
    for (int i = 0; i < 100 && !service.saw_stop; ++i) {
      WRENN_CO_TRY(co_await net::sleep_for(milliseconds(10)));
    }
    EXPECT_TRUE(service.saw_stop);
    EXPECT_FALSE(service.saw_deadline);
    co_return {};
  }
};

TEST_F(StreamTest, Binary) {
  run(&StreamTest::binary);
}
TEST_F(StreamTest, ErrorComesInTheLastFrame) {
  run(&StreamTest::error_at_the_end);
}
TEST_F(StreamTest, Json) {
  run(&StreamTest::json);
}
TEST_F(StreamTest, BadRequestsGetAnErrorFrame) {
  run(&StreamTest::bad_requests);
}
TEST_F(StreamTest, DeadlineEndsTheStream) {
  run(&StreamTest::deadline);
}
TEST_F(StreamTest, CallerWhoGoesAwayStopsTheMethod) {
  run(&StreamTest::disconnect);
}

TEST(Router, OwnsTheServicesItKnows) {
  Service service;
  Router router;
  router.unary(kEcho, service, &Service::echo);
  EXPECT_TRUE(router.owns(kEcho));
  EXPECT_TRUE(router.owns("/test.Service/Nothing"));
  EXPECT_FALSE(router.owns("/test.Servicex/Echo"));
  EXPECT_FALSE(router.owns("/health"));
  EXPECT_FALSE(router.owns("*"));
  EXPECT_FALSE(router.owns(""));
}

}  // namespace
}  // namespace wrenn::connect
