// What the Client makes of answers of all kinds, those of servers that break the protocol included.
#include "connect/envelope.h"
#include "connect/testing/fixture.h"
#include "net/gzip.h"

namespace wrenn::connect::echo {
namespace {

const std::string kProto = "application/proto";
const std::string kStreamProto = "application/connect+proto";

struct Canned {
  int status = 200;
  std::string type;
  std::string body;
  net::Headers headers;
};

// Answers every request with the same bytes, and remembers what was asked.
class CannedHandler final : public net::HttpHandler {
 public:
  Task<Result<void>> handle(net::Request& request, net::ResponseWriter& response) override {
    method = request.method();
    target = request.head().target;
    headers = request.headers();
    WRENN_CO_TRY_ASSIGN(body, co_await net::read_all(request.body(), 1 << 20));
    net::Headers out = canned.headers;
    if (!canned.type.empty()) out.set("Content-Type", canned.type);
    co_return co_await response.send(canned.status, std::move(out), canned.body);
  }
  Canned canned;
  std::string method;
  std::string target;
  net::Headers headers;
  std::string body;
};

// How a call came out: the texts of its messages, and the error's code.
struct Outcome {
  std::vector<std::string> texts;
  std::string code = "ok";
  base::Error error;
  ResponseMetadata metadata;
};

void note(Outcome& outcome, base::Error error) {
  outcome.code = base::code_name(error.code);
  outcome.error = std::move(error);
}

Task<Outcome> read_stream(MessageStream<test::Reply> stream) {
  Outcome outcome;
  while (true) {
    auto message = co_await stream.next();
    if (!message) note(outcome, std::move(message).error());
    if (!message || !*message) break;
    outcome.texts.push_back((*message)->text());
  }
  outcome.metadata = stream.metadata();
  co_return outcome;
}

class ClientProtocolTest : public ::testing::Test {
 protected:
  Task<Outcome> call_unary(net::HttpClient& http, ClientOptions options, CallOptions call) {
    Outcome outcome;
    Client client(http, std::move(options));
    call.metadata = &outcome.metadata;
    auto reply = co_await client.unary<test::Reply>(path, ask("hi"), std::move(call));
    if (reply) outcome.texts.push_back(reply->text());
    if (!reply) note(outcome, std::move(reply).error());
    co_return outcome;
  }

  static Task<Outcome> call_server_stream(net::HttpClient& http, ClientOptions options,
                                          CallOptions call) {
    Client client(http, std::move(options));
    auto stream = co_await client.stream<test::Reply>(kServerStream, ask("hi"), std::move(call));
    if (stream) co_return co_await read_stream(std::move(*stream));
    Outcome outcome;
    note(outcome, std::move(stream).error());
    co_return outcome;
  }

  static Task<Outcome> call_client_stream(net::HttpClient& http, ClientOptions options,
                                          CallOptions call) {
    Outcome outcome;
    Client client(http, std::move(options));
    call.metadata = &outcome.metadata;
    auto stream =
        co_await client.client_stream<test::Ask, test::Reply>(kClientStream, std::move(call));
    EXPECT_TRUE(stream);
    EXPECT_TRUE(co_await stream->write(ask("a")));
    EXPECT_TRUE(co_await stream->write(ask("b")));
    auto reply = co_await stream->finish();
    if (reply) outcome.texts.push_back(reply->text());
    if (!reply) note(outcome, std::move(reply).error());
    co_return outcome;
  }

  static Task<Outcome> call_bidi(net::HttpClient& http, ClientOptions options, CallOptions call) {
    Client client(http, std::move(options));
    auto stream = co_await client.bidi_stream<test::Ask, test::Reply>(kBidi, std::move(call));
    EXPECT_TRUE(stream);
    EXPECT_TRUE(co_await stream->write(ask("a")));
    auto reading = co_await stream->finish();
    if (reading) co_return co_await read_stream(std::move(*reading));
    Outcome outcome;
    note(outcome, std::move(reading).error());
    co_return outcome;
  }

  static Task<Outcome> beside(net::HttpServer& server, net::Listener listener, Task<Outcome> call) {
    const net::Context context = co_await net::current_context();
    net::TaskScope scope(*context.loop);
    scope.spawn(server.serve(std::move(listener)));
    auto outcome = co_await std::move(call);
    scope.request_stop();
    co_await scope.join();
    co_return outcome;
  }

  template <class Call>
  Outcome run(Canned canned, Call call, ClientOptions options = {}, CallOptions call_options = {}) {
    handler.canned = std::move(canned);
    auto listener = net::Listener::listen(loop, *net::Endpoint::parse("127.0.0.1:0"));
    net::HttpClient http(*net::Endpoint::tcp("127.0.0.1", listener->port()), {});
    net::HttpServer server(handler, {});
    return loop.block_on(beside(server, std::move(*listener),
                                call(http, std::move(options), std::move(call_options))));
  }
  Outcome unary(Canned canned, ClientOptions options = {}, CallOptions call = {}) {
    return run(
        std::move(canned),
        [this](net::HttpClient& http, ClientOptions o, CallOptions c) {
          return call_unary(http, std::move(o), std::move(c));
        },
        std::move(options), std::move(call));
  }
  Outcome server_stream(Canned canned, ClientOptions options = {}, CallOptions call = {}) {
    return run(std::move(canned), call_server_stream, std::move(options), std::move(call));
  }
  Outcome client_stream(Canned canned, ClientOptions options = {}) {
    return run(std::move(canned), call_client_stream, std::move(options));
  }
  Outcome bidi(Canned canned, ClientOptions options = {}) {
    return run(std::move(canned), call_bidi, std::move(options));
  }

  net::Loop loop;
  CannedHandler handler;
  std::string path = kUnary;
};

std::string hi() {
  return "\x0a\x02hi";
}
std::string end(std::string json = "{}") {
  return encode_envelope(kEndOfStreamFlag, json);
}

TEST_F(ClientProtocolTest, ErrorsWithoutACodeComeFromTheStatus) {
  const std::string json = "application/json";
  const std::vector<std::pair<Canned, std::string>> cases = {
      {{400, "", "", {}}, "internal"},
      {{418, "text/html", "<html>", {}}, "unknown"},
      {{503, json, "", {}}, "unavailable"},
      {{403, kProto, hi(), {}}, "permission_denied"},
      {{401, json, "null", {}}, "unauthenticated"},
      {{401, json, R"({"code":null,"message":"oops"})", {}}, "unauthenticated"},
      {{401, json, R"({"message":"oops"})", {}}, "unauthenticated"},
      {{429, json, R"({"code":"foobar","message":"oops"})", {}}, "unavailable"},
      {{422, json, R"({"code":"out_of_range","message":"oops","foobar":"baz"})", {}},
       "out_of_range"},
      {{404, "application/json; charset=utf-8", R"({"code":"not_found"})", {}}, "not_found"},
  };
  for (const auto& [canned, code] : cases) {
    const Outcome outcome = unary(canned);
    EXPECT_EQ(outcome.code, code) << canned.status << canned.body;
    EXPECT_FALSE(outcome.error.message.empty());
    if (canned.body.contains("oops")) {
      EXPECT_EQ(outcome.error.message, "oops");
    }
  }
}

TEST_F(ClientProtocolTest, UnaryAnswersOfOtherKinds) {
  const std::string reply = R"({"text":"hi"})";
  const std::vector<std::pair<Canned, std::string>> cases = {
      {{200, kProto, hi(), {}}, "ok"},
      {{200, kProto, "", {}}, "ok"},
      {{200, "image/jpeg", "", {}}, "unknown"},
      {{200, "", "", {}}, "unknown"},
      {{200, "application/json", reply, {}}, "internal"},
      {{200, kStreamProto, hi(), {}}, "internal"},
      {{200, kProto, "\xff", {}}, "internal"},
      {{200, kProto, hi(), net::Headers().with("Content-Encoding", "foo")}, "internal"},
      {{200, kProto, "junk", net::Headers().with("Content-Encoding", "gzip")}, "internal"},
      {{200, kProto, "", net::Headers().with("Content-Encoding", "gzip")}, "ok"},
      {{200, kProto, net::gzip(hi()), net::Headers().with("Content-Encoding", "gzip")}, "ok"},
  };
  for (const auto& [canned, code] : cases) {
    EXPECT_EQ(unary(canned).code, code) << canned.type << canned.body;
  }
}

TEST_F(ClientProtocolTest, UnaryMetadata) {
  net::Headers headers;
  headers.add("X-Custom", "foo");
  headers.add("X-Custom", "bar");
  headers.add("Trailer-X-End", "bing");
  headers.add("trailer-x-end", "quux");
  headers.add("trailer-raw-bin", "AP8");
  for (const int status : {200, 409}) {
    const Outcome outcome = unary({status, kProto, "", headers});
    EXPECT_EQ(outcome.metadata.headers.count("x-custom"), 2U);
    EXPECT_EQ(outcome.metadata.headers.count("trailer-x-end"), 0U);
    EXPECT_EQ(outcome.metadata.trailers.count("x-end"), 2U);
    EXPECT_EQ(outcome.metadata.trailers.find("raw-bin"), "AP8");
  }
}

TEST_F(ClientProtocolTest, CompressedErrors) {
  const std::string error =
      R"({"code":"out_of_range","message":"oops","details":[{"type":"a.B","value":"Cgp0"}]})";
  const Outcome outcome = unary(
      {422, "application/json", net::gzip(error), net::Headers().with("Content-Encoding", "gzip")});
  EXPECT_EQ(outcome.code, "out_of_range");
  ASSERT_EQ(outcome.error.details.size(), 1U);
  EXPECT_EQ(outcome.error.details[0].type, "a.B");
  const std::string frame = encode_envelope(kEndOfStreamFlag | kCompressedFlag,
                                            net::gzip(base::concat(R"({"error":)", error, "}")));
  const Outcome stream = server_stream(
      {200, kStreamProto, frame, net::Headers().with("Connect-Content-Encoding", "gzip")});
  EXPECT_EQ(stream.code, "out_of_range");
  EXPECT_EQ(stream.error.details.size(), 1U);
}

TEST_F(ClientProtocolTest, StreamsThatBreakTheProtocol) {
  const std::string message = encode_envelope(0, hi());
  const net::Headers identity = net::Headers().with("Connect-Content-Encoding", "identity");
  const net::Headers gzip = net::Headers().with("Connect-Content-Encoding", "gzip");
  struct Case {
    Canned canned;
    std::size_t messages;
    std::string code;
  };
  const std::vector<Case> cases = {
      {{200, kStreamProto, message + end(), {}}, 1, "ok"},
      {{200, kStreamProto, encode_envelope(0, "") + end(), {}}, 1, "ok"},
      {{200, kStreamProto, end(R"({"error":null})"), {}}, 0, "ok"},
      {{200, kStreamProto, end(R"({"error":{"message":"oops"}})"), {}}, 0, "unknown"},
      {{200, kStreamProto, message + end(R"({"error":{"code":"aborted"}})"), {}}, 1, "aborted"},
      {{200, kStreamProto, message, {}}, 1, "internal"},
      {{200, kStreamProto, "", {}}, 0, "internal"},
      {{200, kStreamProto, message + encode_envelope(0, "1234567890").substr(0, 9), {}},
       1,
       "internal"},
      {{200, kStreamProto, message + std::string(3, '\0'), {}}, 1, "internal"},
      {{200, kStreamProto, message + end() + message, {}}, 1, "internal"},
      {{200, kStreamProto, end("nonsense"), {}}, 0, "internal"},
      {{200, kStreamProto, encode_envelope(8, hi()) + end(), {}}, 0, "internal"},
      {{200, kStreamProto, encode_envelope(0, "\xff") + end(), {}}, 0, "internal"},
      {{200, kStreamProto, encode_envelope(1, hi()) + end(), {}}, 0, "internal"},
      {{200, kStreamProto, encode_envelope(1, hi()) + end(), identity}, 0, "internal"},
      {{200, kStreamProto, encode_envelope(1, "junk") + end(), gzip}, 0, "internal"},
      {{200, kStreamProto, encode_envelope(1, net::gzip(hi())) + end(), gzip}, 1, "ok"},
      {{200, kStreamProto, message + end(), net::Headers().with("Connect-Content-Encoding", "br")},
       0,
       "internal"},
      {{200, "application/connect+json", end(), {}}, 0, "internal"},
      {{200, kProto, hi(), {}}, 0, "unknown"},
      {{404, "text/plain", "", {}}, 0, "unimplemented"},
      {{401, "application/json", R"({"code":"unauthenticated"})", {}}, 0, "unauthenticated"},
  };
  for (std::size_t i = 0; i < cases.size(); ++i) {
    for (const Outcome& outcome : {server_stream(cases[i].canned), bidi(cases[i].canned)}) {
      EXPECT_EQ(outcome.code, cases[i].code) << "case " << i << outcome.error.message;
      EXPECT_EQ(outcome.texts.size(), cases[i].messages) << "case " << i;
    }
  }
}

TEST_F(ClientProtocolTest, ClientStreamsNeedOneAnswer) {
  const std::string message = encode_envelope(0, hi());
  const std::vector<std::pair<std::string, std::string>> cases = {
      {message + end(), "ok"},
      {encode_envelope(0, "") + end(), "ok"},
      {end(R"({"code":"out_of_range","message":"oops"})"), "unimplemented"},
      {message + message + end(), "unimplemented"},
      {message, "internal"},
      {end(R"({"error":{"code":"out_of_range"}})"), "out_of_range"},
      {message + end(R"({"error":{"code":"out_of_range"}})"), "out_of_range"},
  };
  for (const auto& [body, code] : cases) {
    EXPECT_EQ(client_stream({200, kStreamProto, body, {}}).code, code);
  }
  EXPECT_EQ(handler.body, encode_envelope(0,
                                          "\x0a\x01"
                                          "a") +
                              encode_envelope(0,
                                              "\x0a\x01"
                                              "b"));
}

TEST_F(ClientProtocolTest, StreamMetadata) {
  const std::string last = end(R"({"metadata":{"X-End":["bing","quux"]}})");
  const std::string body = encode_envelope(0, hi()) + last;
  const Canned canned{200, kStreamProto, body, net::Headers().with("X-Custom", "foo")};
  for (const Outcome& outcome : {server_stream(canned), client_stream(canned), bidi(canned)}) {
    EXPECT_EQ(outcome.code, "ok");
    EXPECT_EQ(outcome.metadata.headers.find("x-custom"), "foo");
    EXPECT_EQ(outcome.metadata.trailers.count("x-end"), 2U);
  }
}

TEST_F(ClientProtocolTest, SizesAreLimited) {
  const std::string large(100, 'x');
  const std::string fits = "\x0a\x62" + std::string(98, 'x');
  const ClientOptions options{.max_message_bytes = 100};
  const net::Headers gzip = net::Headers().with("Content-Encoding", "gzip");
  const net::Headers stream_gzip = net::Headers().with("Connect-Content-Encoding", "gzip");
  EXPECT_EQ(unary({200, kProto, fits, {}}, options).code, "ok");
  EXPECT_EQ(unary({200, kProto, fits + "x", {}}, options).code, "resource_exhausted");
  EXPECT_EQ(unary({200, kProto, net::gzip(std::string(10'000, 'x')), gzip}, options).code,
            "resource_exhausted");
  const std::string over = encode_envelope(0, fits + "x");
  EXPECT_EQ(server_stream({200, kStreamProto, encode_envelope(0, fits) + end(), {}}, options).code,
            "ok");
  EXPECT_EQ(server_stream({200, kStreamProto, over + end(), {}}, options).code,
            "resource_exhausted");
  EXPECT_EQ(client_stream({200, kStreamProto, over + end(), {}}, options).code,
            "resource_exhausted");
  const std::string bomb = encode_envelope(1, net::gzip(std::string(10'000, 'x')));
  EXPECT_EQ(server_stream({200, kStreamProto, bomb + end(), stream_gzip}, options).code,
            "resource_exhausted");
}

TEST_F(ClientProtocolTest, RequestHeaders) {
  net::Headers common = net::Headers().with("X-Token", "secret").with("X-Other", "o");
  CallOptions call{.timeout = std::chrono::seconds(9)};
  call.headers.add("x-token", "a");
  call.headers.add("x-token", "b");
  unary({200, kProto, "", {}}, {.headers = common}, call);
  EXPECT_EQ(handler.method, "POST");
  EXPECT_EQ(handler.headers.find("connect-protocol-version"), "1");
  EXPECT_EQ(handler.headers.find("content-type"), kProto);
  EXPECT_EQ(handler.headers.find("connect-timeout-ms"), "9000");
  EXPECT_EQ(handler.headers.count("x-token"), 2U);
  EXPECT_EQ(handler.headers.find("x-other"), "o");
  EXPECT_FALSE(handler.headers.find("accept-encoding"));
}

TEST_F(ClientProtocolTest, JsonAndGzipAreSentWhenAskedFor) {
  const ClientOptions options{.codec = Codec::kJson,
                              .send = Compression::kGzip,
                              .accept = Compression::kGzip,
                              .min_compressed_bytes = 1};
  EXPECT_EQ(unary({200, "application/json", R"({"text":"x"})", {}}, options).texts,
            std::vector<std::string>{"x"});
  EXPECT_EQ(handler.headers.find("content-type"), "application/json");
  EXPECT_EQ(handler.headers.find("accept-encoding"), "gzip");
  // It would become larger.
  EXPECT_FALSE(handler.headers.find("content-encoding"));
  EXPECT_EQ(handler.body, R"({"text":"hi"})");
  server_stream({200, "application/connect+json", end(), {}}, options);
  EXPECT_EQ(handler.headers.find("connect-accept-encoding"), "gzip");
  EXPECT_EQ(handler.headers.find("connect-content-encoding"), "gzip");
}

TEST_F(ClientProtocolTest, GetIsUsedWhereItIsAllowed) {
  const CallOptions get{.get = HttpGet::kWhenPossible};
  unary({200, kProto, "", {}}, {}, get);
  EXPECT_EQ(handler.method, "POST");
  path = kLook;
  EXPECT_EQ(unary({200, kProto, hi(), {}}, {}, get).texts, std::vector<std::string>{"hi"});
  EXPECT_EQ(handler.method, "GET");
  EXPECT_EQ(handler.target,
            std::string(kLook) + "?connect=v1&base64=1&encoding=proto&message=CgJoaQ");
  EXPECT_FALSE(handler.headers.find("content-type"));
  unary({200, "application/json", "{}", {}}, {.codec = Codec::kJson}, get);
  EXPECT_EQ(handler.target,
            std::string(kLook) + "?connect=v1&encoding=json&message=%7B%22text%22%3A%22hi%22%7D");
}

}  // namespace
}  // namespace wrenn::connect::echo
