// What the Router answers to plain HTTP requests, byte for byte.
#include "connect/envelope.h"
#include "connect/testing/fixture.h"
#include "net/gzip.h"

namespace wrenn::connect::echo {
namespace {

const std::string kJson = "application/json";
const std::string kProto = "application/proto";
const std::string kStreamJson = "application/connect+json";
const std::string kStreamProto = "application/connect+proto";

net::Headers header(std::string_view name, std::string_view value) {
  return net::Headers().with(name, value);
}

// The envelopes of a body, as "flags:data".
std::vector<std::string> envelopes(std::string_view body) {
  EnvelopeDecoder decoder(1 << 20);
  std::vector<std::string> found;
  while (!body.empty()) {
    const std::size_t n = body.copy(decoder.room().data(), decoder.room().size());
    decoder.add(n);
    body.remove_prefix(n);
    while (true) {
      const auto envelope = decoder.next();
      if (!envelope || !*envelope) break;
      found.push_back(base::concat(static_cast<int>((*envelope)->flags), ':', (*envelope)->data));
    }
  }
  if (!decoder.is_at_boundary()) found.emplace_back("cut");
  return found;
}

// The code of the error in a stream's last frame, which must be its only one.
std::string stream_error(const Answer& answer) {
  const auto found = envelopes(answer.body);
  if (answer.status != 200 || found.size() != 1 || !found[0].starts_with("2:")) return "no frame";
  const auto end = parse_end_of_stream(found[0].substr(2));
  if (!end || !end->error) return "no error";
  return std::string(base::code_name(end->error->code));
}

std::string unary_error(const Answer& answer) {
  const auto error = parse_error_json(answer.body);
  if (!error) return "no error";
  return std::string(base::code_name(error->code));
}

class RouterProtocolTest : public EchoTest {
 public:
  Task<Result<void>> unary() {
    WRENN_CO_TRY_ASSIGN(auto json, co_await post(kUnary, "application/json; charset=utf-8",
                                                 R"({"text":"hi","later":[1,{}]})"));
    EXPECT_EQ(json.status, 200);
    EXPECT_EQ(json.header("content-type"), kJson);
    EXPECT_EQ(json.body, R"({"text":"hi","asks":1})");
    EXPECT_EQ(json.headers.count("x-header"), 2U);
    EXPECT_EQ(json.headers.count("trailer-x-trailer"), 2U);
    WRENN_CO_TRY_ASSIGN(auto proto, co_await post(kUnary, kProto, "\x0a\x02hi"));
    EXPECT_EQ(proto.status, 200);
    EXPECT_EQ(proto.header("content-type"), kProto);
    EXPECT_EQ(proto.body, "\x0a\x02hi\x20\x01");
    WRENN_CO_TRY_ASSIGN(auto empty, co_await post(kUnary, kProto, ""));
    EXPECT_EQ(empty.status, 200);
    co_return {};
  }

  Task<Result<void>> json_forms() {
    for (const char* body :
         {R"({"favoriteColor":"COLOR_GREEN"})", R"({"favorite_color":"COLOR_GREEN"})",
          R"({"favorite_color":1})", R"({"favoriteColor":1,"text":null})"}) {
      WRENN_CO_TRY_ASSIGN(auto answer, co_await post(kUnary, kJson, body));
      EXPECT_EQ(answer.body, R"({"asks":1,"favoriteColor":"COLOR_GREEN"})") << body;
    }
    co_return {};
  }

  Task<Result<void>> refused() {
    WRENN_CO_TRY_ASSIGN(auto image, co_await post(kUnary, "image/jpeg", "12345678"));
    EXPECT_EQ(image.status, 415);
    EXPECT_EQ(unary_error(image), "unknown");
    EXPECT_EQ(image.header("accept-post"), "application/json, application/proto");
    for (const auto& [path, type] :
         std::vector<std::pair<std::string, std::string>>{{kUnary, kStreamJson},
                                                          {kUnary, "application/foo"},
                                                          {kUnary, ""},
                                                          {kServerStream, kJson},
                                                          {kClientStream, kProto},
                                                          {kBidi, "application/connect+xml"}}) {
      WRENN_CO_TRY_ASSIGN(auto answer, co_await post(path, type, "{}"));
      EXPECT_EQ(answer.status, 415) << path << type;
      EXPECT_EQ(answer.header("content-type"), kJson);
    }
    WRENN_CO_TRY_ASSIGN(auto verb, co_await send({"DELETE", kUnary, {}, {}}));
    EXPECT_EQ(verb.status, 405);
    EXPECT_EQ(verb.header("allow"), "POST");
    EXPECT_EQ(unary_error(verb), "unknown");
    WRENN_CO_TRY_ASSIGN(auto get, co_await send({"GET", kServerStream, {}, {}}));
    EXPECT_EQ(get.status, 405);
    WRENN_CO_TRY_ASSIGN(auto look, co_await send({"PUT", kLook, {}, {}}));
    EXPECT_EQ(look.header("allow"), "GET, POST");
    for (const char* path : {"/wrenn.test.Echo/Nothing", "/no.Such/Thing", "/"}) {
      WRENN_CO_TRY_ASSIGN(auto unknown, co_await post(path, kProto, ""));
      EXPECT_EQ(unknown.status, 404);
      EXPECT_EQ(unary_error(unknown), "unimplemented");
    }
    co_return {};
  }

  Task<Result<void>> bad_unary() {
    struct Case {
      std::string body;
      net::Headers headers;
      int status;
      std::string code;
    };
    const std::string zeros(100'000, '\0');
    const std::vector<Case> cases = {
        {"{\"text\":", {}, 400, "invalid_argument"},
        {"{} {}", {}, 400, "invalid_argument"},
        {"{\"text\":\"\xff\"}", {}, 400, "invalid_argument"},
        {"", {}, 400, "invalid_argument"},
        {"{}", header("Connect-Protocol-Version", "2"), 400, "invalid_argument"},
        {"{}", header("Connect-Timeout-Ms", "soon"), 400, "invalid_argument"},
        {"{}", header("Connect-Timeout-Ms", "-1"), 400, "invalid_argument"},
        {"{}", header("Connect-Timeout-Ms", "12345678901"), 400, "invalid_argument"},
        {"{}", header("Content-Encoding", "br"), 501, "unimplemented"},
        {"{}", header("Content-Encoding", "gzip"), 400, "invalid_argument"},
        {std::string(kMaxMessage + 1, ' '), {}, 429, "resource_exhausted"},
        {net::gzip(zeros), header("Content-Encoding", "gzip"), 429, "resource_exhausted"},
    };
    for (const Case& c : cases) {
      WRENN_CO_TRY_ASSIGN(auto answer, co_await post(kUnary, kJson, c.body, c.headers));
      EXPECT_EQ(answer.status, c.status) << c.body.substr(0, 20);
      EXPECT_EQ(unary_error(answer), c.code) << answer.body;
      EXPECT_EQ(answer.header("content-type"), kJson);
    }
    WRENN_CO_TRY_ASSIGN(auto br,
                        co_await post(kUnary, kJson, "{}", header("Content-Encoding", "br")));
    EXPECT_NE(br.body.find("gzip"), std::string::npos) << br.body;
    WRENN_CO_TRY_ASSIGN(auto large,
                        co_await post(kUnary, kJson, "{}" + std::string(kMaxMessage - 2, ' ')));
    EXPECT_EQ(large.status, 200);
    co_return {};
  }

  Task<Result<void>> errors() {
    for (int i = 0; i <= static_cast<int>(Code::kUnauthenticated); ++i) {
      const auto code = static_cast<Code>(i);
      const auto name = base::code_name(code);
      const std::string body =
          base::concat(R"({"errorCode":")", name, R"(","errorMessage":"no","errorDetail":"why"})");
      WRENN_CO_TRY_ASSIGN(auto unary, co_await post(kUnary, kJson, body));
      EXPECT_EQ(unary.status, http_status(code)) << name;
      EXPECT_EQ(unary.body, base::concat(R"({"code":")", name, R"(","message":"no","details":[)",
                                         R"({"type":"wrenn.test.Ask","value":"CgN3aHk"}]})"));
      EXPECT_EQ(unary.headers.count("x-header"), 2U);
      EXPECT_EQ(unary.headers.count("trailer-x-trailer"), 2U);
      for (const char* path : {kServerStream, kClientStream, kBidi}) {
        WRENN_CO_TRY_ASSIGN(auto stream,
                            co_await post(path, kStreamJson, encode_envelope(0, body)));
        EXPECT_EQ(stream_error(stream), name) << path;
        EXPECT_EQ(stream.headers.count("x-header"), 2U);
        EXPECT_NE(stream.body.find(R"("metadata":{"x-trailer":["one","two"]}})"),
                  std::string::npos);
      }
    }
    co_return {};
  }

  Task<Result<void>> streams() {
    const std::string end = R"(2:{"metadata":{"x-trailer":["one","two"]}})";
    WRENN_CO_TRY_ASSIGN(
        auto server,
        co_await post(kServerStream, kStreamJson, encode_envelope(0, R"({"text":"a","count":2})")));
    EXPECT_EQ(server.status, 200);
    EXPECT_EQ(server.header("content-type"), kStreamJson);
    EXPECT_EQ(server.headers.count("x-header"), 2U);
    EXPECT_FALSE(server.headers.find("connect-content-encoding"));
    EXPECT_EQ(envelopes(server.body),
              (std::vector<std::string>{R"(0:{"text":"a"})", R"(0:{"text":"a","index":1})", end}));
    const std::string two =
        encode_envelope(0, R"({"text":"a"})") + encode_envelope(0, R"({"text":"b"})");
    WRENN_CO_TRY_ASSIGN(auto client_stream, co_await post(kClientStream, kStreamJson, two));
    EXPECT_EQ(envelopes(client_stream.body),
              (std::vector<std::string>{R"(0:{"text":"ab","asks":2})", end}));
    WRENN_CO_TRY_ASSIGN(auto none, co_await post(kClientStream, kStreamJson, ""));
    EXPECT_EQ(envelopes(none.body), (std::vector<std::string>{"0:{}", end}));
    WRENN_CO_TRY_ASSIGN(auto bidi, co_await post(kBidi, kStreamJson, two));
    EXPECT_EQ(envelopes(bidi.body), (std::vector<std::string>{R"(0:{"text":"a","asks":2})",
                                                              R"(0:{"text":"b","asks":2})", end}));
    WRENN_CO_TRY_ASSIGN(auto empty,
                        co_await post(kServerStream, kStreamProto, encode_envelope(0, "")));
    EXPECT_EQ(envelopes(empty.body), (std::vector<std::string>{end}));
    co_return {};
  }

  Task<Result<void>> bad_streams() {
    struct Case {
      std::string path;
      std::string body;
      net::Headers headers;
      std::string code;
    };
    const std::string one = encode_envelope(0, "{}");
    const std::string packed = net::gzip("{}");
    const std::string bomb = encode_envelope(1, net::gzip(std::string(100'000, ' ')));
    const std::string over = encode_envelope(0, std::string(kMaxMessage + 1, ' '));
    const net::Headers gzip = header("Connect-Content-Encoding", "gzip");
    const std::vector<Case> cases = {
        {kServerStream, "", {}, "unimplemented"},
        {kServerStream, one + one, {}, "unimplemented"},
        {kServerStream, one + "abc", {}, "internal"},
        {kServerStream, "abc", {}, "internal"},
        {kServerStream, encode_envelope(0, "nonsense"), {}, "invalid_argument"},
        {kServerStream, encode_envelope(1, packed), {}, "internal"},
        {kServerStream, encode_envelope(1, packed), header("Connect-Content-Encoding", "identity"),
         "internal"},
        {kServerStream, encode_envelope(1, "junk"), gzip, "invalid_argument"},
        {kServerStream, one, header("Connect-Content-Encoding", "br"), "unimplemented"},
        {kServerStream, encode_envelope(4, "{}"), {}, "internal"},
        {kServerStream, encode_envelope(kEndOfStreamFlag, "{}"), {}, "invalid_argument"},
        {kServerStream, over, {}, "resource_exhausted"},
        {kServerStream, bomb, gzip, "resource_exhausted"},
        {kServerStream, one, header("Connect-Timeout-Ms", "x"), "invalid_argument"},
        {kServerStream, one, header("Connect-Protocol-Version", "7"), "invalid_argument"},
        {kClientStream, over + one, {}, "resource_exhausted"},
        {kClientStream, one + over, {}, "resource_exhausted"},
        {kClientStream, one + bomb, gzip, "resource_exhausted"},
        {kClientStream, one + one.substr(0, 6), {}, "internal"},
        {kBidi, over + one, {}, "resource_exhausted"},
        {kBidi, one + over, {}, "resource_exhausted"},
        {kBidi, one + encode_envelope(0, "[]"), {}, "invalid_argument"},
    };
    for (std::size_t i = 0; i < cases.size(); ++i) {
      const Case& c = cases[i];
      WRENN_CO_TRY_ASSIGN(auto answer, co_await post(c.path, kStreamJson, c.body, c.headers));
      EXPECT_EQ(answer.header("content-type"), kStreamJson);
      EXPECT_EQ(stream_error(answer), c.code) << "case " << i << ": " << answer.body;
    }
    co_return {};
  }

  Task<Result<void>> gets() {
    const std::string json = base::percent_encode(R"({"text":"hi"})");
    for (const std::string& query :
         {"connect=v1&encoding=json&message=" + json, "message=" + json + "&x=y&encoding=json"}) {
      WRENN_CO_TRY_ASSIGN(auto answer,
                          co_await send({"GET", std::string(kLook) + "?" + query, {}, {}}));
      EXPECT_EQ(answer.status, 200) << query;
      EXPECT_EQ(answer.body, R"({"text":"hi","asks":1})");
      EXPECT_EQ(answer.headers.count("trailer-x-trailer"), 2U);
      EXPECT_EQ(answer.header("vary"), "Accept-Encoding");
    }
    WRENN_CO_TRY_ASSIGN(auto proto,
                        co_await send({"GET",
                                       std::string(kLook) + "?" +
                                           make_get_query(Codec::kProto, Compression::kGzip,
                                                          net::gzip("\x0a\x02hi")),
                                       {},
                                       {}}));
    EXPECT_EQ(proto.status, 200);
    EXPECT_EQ(proto.body, "\x0a\x02hi\x20\x01");
    for (const auto& [query, status] : std::vector<std::pair<std::string, int>>{
             {"", 415},
             {"?encoding=xml&message=", 415},
             {"?encoding=json", 400},
             {"?encoding=json&message=%7B", 400},
             {"?encoding=json&message=%7B%7D&compression=br", 501}}) {
      WRENN_CO_TRY_ASSIGN(auto bad, co_await send({"GET", std::string(kLook) + query, {}, {}}));
      EXPECT_EQ(bad.status, status) << query;
    }
    WRENN_CO_TRY_ASSIGN(
        auto other,
        co_await send({"GET", std::string(kUnary) + "?encoding=json&message=%7B%7D", {}, {}}));
    EXPECT_EQ(other.status, 405);
    co_return {};
  }

  Task<Result<void>> gzip() {
    const std::string text(3000, 'z');
    const std::string body = base::concat(R"({"text":")", text, R"("})");
    const std::string reply = base::concat(R"({"text":")", text, R"(","asks":1})");
    const net::Headers accepts = header("Accept-Encoding", "br, gzip");
    WRENN_CO_TRY_ASSIGN(auto plain, co_await post(kUnary, kJson, body));
    EXPECT_FALSE(plain.headers.find("content-encoding"));
    WRENN_CO_TRY_ASSIGN(auto packed, co_await post(kUnary, kJson, body, accepts));
    EXPECT_EQ(packed.header("content-encoding"), "gzip");
    EXPECT_EQ(net::gunzip(packed.body, 10'000), reply);
    WRENN_CO_TRY_ASSIGN(auto small, co_await post(kUnary, kJson, "{}", accepts));
    EXPECT_FALSE(small.headers.find("content-encoding"));
    // Whoever sends gzip takes it.
    WRENN_CO_TRY_ASSIGN(auto both, co_await post(kUnary, kJson, net::gzip(body),
                                                 header("Content-Encoding", "gzip")));
    EXPECT_EQ(net::gunzip(both.body, 10'000), reply);
    WRENN_CO_TRY_ASSIGN(auto empty,
                        co_await post(kUnary, kProto, "", header("Content-Encoding", "gzip")));
    EXPECT_EQ(empty.status, 200);
    const std::string failing =
        base::concat(R"({"errorCode":"aborted","errorMessage":")", text, R"("})");
    WRENN_CO_TRY_ASSIGN(auto error, co_await post(kUnary, kJson, failing, accepts));
    EXPECT_EQ(error.status, 409);
    EXPECT_EQ(parse_error_json(net::gunzip(error.body, 10'000).value_or(""))->message, text);
    co_return {};
  }

  Task<Result<void>> gzip_streams() {
    const std::string text(3000, 'z');
    const std::string ask = base::concat(R"({"text":")", text, R"(","count":1})");
    net::Headers headers = header("Connect-Accept-Encoding", "gzip");
    headers.set("Connect-Content-Encoding", "gzip");
    WRENN_CO_TRY_ASSIGN(auto answer, co_await post(kServerStream, kStreamJson,
                                                   encode_envelope(1, net::gzip(ask)), headers));
    EXPECT_EQ(answer.header("connect-content-encoding"), "gzip");
    const auto found = envelopes(answer.body);
    EXPECT_EQ(found.size(), 2U);
    EXPECT_TRUE(found[0].starts_with("1:"));
    EXPECT_EQ(net::gunzip(found[0].substr(2), 10'000), base::concat(R"({"text":")", text, R"("})"));
    EXPECT_TRUE(found[1].starts_with("2:"));
    const std::string failing =
        base::concat(R"({"errorCode":"aborted","errorMessage":")", text, R"("})");
    WRENN_CO_TRY_ASSIGN(auto error,
                        co_await post(kBidi, kStreamJson, encode_envelope(0, failing), headers));
    const auto end = envelopes(error.body);
    EXPECT_EQ(end.size(), 1U);
    EXPECT_TRUE(end[0].starts_with("3:"));
    co_return {};
  }

  Task<Result<void>> deadlines() {
    const net::Headers soon = header("Connect-Timeout-Ms", "30");
    WRENN_CO_TRY_ASSIGN(auto unary, co_await post(kUnary, kJson, R"({"delayMs":60000})", soon));
    EXPECT_EQ(unary.status, 504);
    EXPECT_EQ(unary_error(unary), "deadline_exceeded");
    const std::string ask = encode_envelope(0, R"({"delayMs":60000,"count":0})");
    for (const char* path : {kClientStream, kBidi}) {
      WRENN_CO_TRY_ASSIGN(auto stream, co_await post(path, kStreamJson, ask, soon));
      EXPECT_EQ(stream_error(stream), "deadline_exceeded") << path;
    }
    EXPECT_TRUE(service.saw_deadline);
    WRENN_CO_TRY_ASSIGN(auto none, co_await post(kUnary, kJson, R"({"delayMs":60000})",
                                                 header("Connect-Timeout-Ms", "0")));
    EXPECT_EQ(none.status, 504);
    WRENN_CO_TRY_ASSIGN(
        auto seen, co_await post(kUnary, kJson, "{}", header("Connect-Timeout-Ms", "9999999999")));
    EXPECT_NE(seen.body.find("\"deadlineMs\":\"99999"), std::string::npos) << seen.body;
    co_return {};
  }

  Task<Result<void>> one_write() {
    const auto raw = [](net::Endpoint endpoint, std::string bytes) -> Task<Result<std::string>> {
      WRENN_CO_TRY_ASSIGN(auto stream, co_await net::connect(endpoint));
      WRENN_CO_TRY(co_await stream->write_all(bytes));
      std::string got(64 * 1024, '\0');
      WRENN_CO_TRY_ASSIGN(const auto n, co_await stream->read_some(got));
      got.resize(n);
      co_return got;
    };
    const std::string envelope = encode_envelope(0, R"({"text":"a","errorCode":"aborted"})");
    const std::string request =
        base::concat("POST ", kServerStream,
                     " HTTP/1.1\r\nHost: a\r\nContent-Type: application/connect+json\r\n",
                     "Content-Length: ", envelope.size(), "\r\n\r\n", envelope);
    // One read gets all: head, frame and end of the body are one packet.
    WRENN_CO_TRY_ASSIGN(const auto answer, co_await raw(http->endpoint(), request));
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
    EXPECT_TRUE(answer.ends_with("\r\n0\r\n\r\n")) << answer;
    co_return {};
  }
};

TEST_F(RouterProtocolTest, Unary) {
  run(&RouterProtocolTest::unary);
}
TEST_F(RouterProtocolTest, JsonIsReadInEveryForm) {
  run(&RouterProtocolTest::json_forms);
}
TEST_F(RouterProtocolTest, NoCallAtAll) {
  run(&RouterProtocolTest::refused);
}
TEST_F(RouterProtocolTest, BadUnaryCalls) {
  run(&RouterProtocolTest::bad_unary);
}
TEST_F(RouterProtocolTest, EveryErrorCode) {
  run(&RouterProtocolTest::errors);
}
TEST_F(RouterProtocolTest, Streams) {
  run(&RouterProtocolTest::streams);
}
TEST_F(RouterProtocolTest, BadStreams) {
  run(&RouterProtocolTest::bad_streams);
}
TEST_F(RouterProtocolTest, Get) {
  run(&RouterProtocolTest::gets);
}
TEST_F(RouterProtocolTest, Gzip) {
  run(&RouterProtocolTest::gzip);
}
TEST_F(RouterProtocolTest, GzipInStreams) {
  run(&RouterProtocolTest::gzip_streams);
}
TEST_F(RouterProtocolTest, Deadlines) {
  run(&RouterProtocolTest::deadlines);
}
TEST_F(RouterProtocolTest, AShortAnswerIsOnePacket) {
  run(&RouterProtocolTest::one_write);
}

}  // namespace
}  // namespace wrenn::connect::echo
