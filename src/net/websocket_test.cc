// WebSockets against each other, and against bytes that no WebSocket would send.
#include "net/websocket.h"

#include <sys/socket.h>

#include <gtest/gtest.h>

#include "base/strings.h"
#include "net/http_server.h"
#include "net/scope.h"
#include "net/websocket_client.h"

namespace wrenn::net {
namespace {

using base::Code;
using base::Result;
using std::chrono::milliseconds;

// ASSERT_TRUE for coroutines.
#define CO_ASSERT(condition)  \
  do {                        \
    const bool ok{condition}; \
    EXPECT_TRUE(ok);          \
    if (!ok) co_return;       \
  } while (false)

// Two ends of one connection; the client's is a WebSocket, or whatever a test writes to `raw`.
struct Pair {
  explicit Pair(Loop& loop, WebSocketOptions options = {}) {
    std::array<int, 2> fds{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    near = Stream::adopt(loop, base::Fd(fds[0])).value();
    raw = Stream::adopt(loop, base::Fd(fds[1])).value();
    input = std::make_unique<InputBuffer>(*near);
    server = std::make_unique<WebSocket>(*near, *input, FrameSender::kServer, options);
  }
  void make_client(WebSocketOptions options = {}) {
    client = std::make_unique<ClientWebSocket>(std::move(raw), options);
  }
  std::unique_ptr<Stream> near, raw;
  std::unique_ptr<InputBuffer> input;
  std::unique_ptr<WebSocket> server;
  std::unique_ptr<ClientWebSocket> client;
};

template <class F>
void run(F test) {
  Loop loop;
  loop.block_on(test(loop));
}

// What the other side gets until the connection ends.
Task<std::string> read_rest(Stream& stream) {
  std::string all;
  std::array<char, 4096> buffer;
  while (true) {
    const auto n = co_await with_timeout(std::chrono::seconds(5), stream.read_some(buffer));
    if (!n || *n == 0) co_return all;
    all.append(buffer.data(), *n);
  }
}

Task<void> echo_until_closed(WebSocket* socket, std::uint16_t* code) {
  while (true) {
    auto message = co_await socket->receive();
    if (!message) co_return;
    if (message->kind == Opcode::kClose) {
      *code = message->close_code;
      co_return;
    }
    if (!co_await socket->send(message->kind, message->data)) co_return;
  }
}

Task<void> check_echo(Loop& loop) {
  Pair pair(loop);
  pair.make_client();
  std::uint16_t code = 0;
  TaskScope scope(loop);
  scope.spawn(echo_until_closed(pair.server.get(), &code));
  for (const std::size_t size : {0u, 1u, 125u, 126u, 65535u, 65536u, 1u << 20}) {
    std::string data(size, 'x');
    if (size > 2) data[size / 2] = '\0';
    const Opcode kind = size % 2 == 0 ? Opcode::kBinary : Opcode::kText;
    EXPECT_TRUE(co_await (*pair.client)->send(kind, data));
    const auto answer = co_await (*pair.client)->receive();
    CO_ASSERT(answer.has_value());
    EXPECT_TRUE(answer->kind == kind && answer->data == data) << size;
  }
  co_await (*pair.client)->close(CloseCode::kGoingAway, "bye");
  co_await scope.join();
  EXPECT_EQ(code, 1001);
  EXPECT_EQ((co_await (*pair.client)->send(Opcode::kText, "late")).error().code,
            Code::kUnavailable);
  EXPECT_EQ((co_await (*pair.client)->receive()).error().code, Code::kUnavailable);
}

TEST(WebSocketTest, CarriesMessagesOfAllSizesBothWays) {
  run(check_echo);
}

Task<void> check_server_closes(Loop& loop) {
  Pair pair(loop);
  pair.make_client();
  TaskScope scope(loop);
  scope.spawn(pair.server->close(CloseCode::kPolicyViolation, "no key"));
  const auto message = co_await (*pair.client)->receive();
  CO_ASSERT(message.has_value());
  EXPECT_TRUE(message->kind == Opcode::kClose && message->close_code == 1008);
  EXPECT_EQ(message->data, "no key");
  const auto began = base::steady_now();
  co_await scope.join();  // The answer has come: nobody waits for a deadline.
  EXPECT_LT(base::steady_now() - began, std::chrono::seconds(1));
}

TEST(WebSocketTest, AServerClosesWithCodeAndReason) {
  run(check_server_closes);
}

Task<void> check_deaf_close(Loop& loop) {
  Pair pair(loop, {.close_timeout = milliseconds(50)});
  const auto began = base::steady_now();
  co_await pair.server->close(CloseCode::kNormal, "");
  const auto took = base::steady_now() - began;
  EXPECT_TRUE(took >= milliseconds(40) && took < std::chrono::seconds(2));
}

TEST(WebSocketTest, ACloseThatIsNotAnsweredEndsAtItsDeadline) {
  run(check_deaf_close);
}

constexpr std::string_view kMask("\1\2\3\4", 4);

std::string client_frame(std::uint8_t first, std::string payload) {
  std::string out;
  out += static_cast<char>(first);
  out += static_cast<char>(0x80 | payload.size());
  out += kMask;
  apply_mask(payload, {1, 2, 3, 4});
  return out + payload;
}

// What a server says to these bytes, up to the end of the connection; and the error it has.
Task<void> check_refused(Loop& loop, std::string bytes, Code code, std::string close_code) {
  Pair pair(loop, {.max_message = 50, .close_timeout = milliseconds(200)});
  EXPECT_TRUE(co_await pair.raw->write_all(bytes));
  pair.raw->shutdown_write();
  const auto message = co_await pair.server->receive();
  CO_ASSERT(!message.has_value());
  EXPECT_EQ(message.error().code, code);
  EXPECT_EQ((co_await pair.server->receive()).error().code, Code::kUnavailable);
  pair.server.reset();
  pair.input.reset();
  pair.near.reset();
  const std::string got = co_await read_rest(*pair.raw);
  if (close_code.empty()) {
    EXPECT_EQ(got, "");
  } else {
    EXPECT_TRUE(got.starts_with('\x88') && got.substr(2, 2) == close_code) << base::to_hex(got);
  }
}

void expect_refused(std::string bytes, Code code, std::string close_code) {
  Loop loop;
  loop.block_on(check_refused(loop, std::move(bytes), code, std::move(close_code)));
}

TEST(WebSocketTest, BrokenRulesAreToldByTheirCloseCode) {
  const std::string unmasked("\x81\x02hi", 4);
  const std::string k1002("\x03\xea"), k1007("\x03\xef"), k1009("\x03\xf1");
  expect_refused(client_frame(0x81, "\xff"), Code::kDataLoss, k1007);
  expect_refused(client_frame(0x81, std::string(51, 'x')), Code::kResourceExhausted, k1009);
  expect_refused(unmasked, Code::kInvalidArgument, k1002);
  expect_refused(client_frame(0xc1, "x"), Code::kInvalidArgument, k1002);
  expect_refused(client_frame(0x80, "x"), Code::kInvalidArgument, k1002);
  expect_refused("GET / HTTP/1.1\r\n\r\n", Code::kInvalidArgument, k1002);
  // Cut without a close: nobody is there to be told.
  expect_refused(client_frame(0x01, "x"), Code::kUnavailable, "");
}

Task<void> check_raw(Loop& loop) {
  Pair pair(loop);
  // A message in two parts, byte by byte, with a ping between them.
  const std::string bytes =
      client_frame(0x01, "he") + client_frame(0x89, "?") + client_frame(0x80, "llo");
  TaskScope scope(loop);
  scope.spawn([](Stream* raw, std::string all) -> Task<void> {
    for (const char byte : all) {
      EXPECT_TRUE(co_await raw->write_all({&byte, 1}));
      (void)co_await LetOthersRun();
    }
  }(pair.raw.get(), bytes));
  const auto message = co_await pair.server->receive();
  CO_ASSERT(message.has_value());
  EXPECT_TRUE(message->kind == Opcode::kText && message->data == "hello");
  co_await scope.join();
  std::array<char, 10> buffer;
  const auto n = co_await pair.raw->read_some(buffer);
  EXPECT_EQ(std::string(buffer.data(), *n), std::string("\x8a\x01?"));
}

TEST(WebSocketTest, AnswersPingsBetweenThePartsOfAMessage) {
  run(check_raw);
}

Task<void> check_silence(Loop& loop) {
  Pair pair(loop, {.ping_after = milliseconds(30), .give_up_after = milliseconds(200)});
  const auto began = base::steady_now();
  const auto message = co_await pair.server->receive();
  const auto took = base::steady_now() - began;
  CO_ASSERT(!message.has_value());
  EXPECT_EQ(message.error().code, Code::kDeadlineExceeded);
  EXPECT_TRUE(took >= milliseconds(190) && took < std::chrono::seconds(2));
  pair.server.reset();
  pair.input.reset();
  pair.near.reset();
  const std::string got = co_await read_rest(*pair.raw);
  EXPECT_TRUE(got.starts_with(std::string("\x89\0\x89\0", 4))) << base::to_hex(got);
}

TEST(WebSocketTest, PingsASilentPeerAndGivesItUp) {
  run(check_silence);
}

Task<void> check_alive(Loop& loop) {
  const WebSocketOptions options{.ping_after = milliseconds(20),
                                 .give_up_after = milliseconds(150)};
  Pair pair(loop, options);
  pair.make_client();
  TaskScope scope(loop);
  std::uint16_t code = 0;
  scope.spawn(echo_until_closed(&**pair.client, &code));
  const auto message = co_await with_timeout(milliseconds(400), pair.server->receive());
  EXPECT_EQ(message.error().code, Code::kDeadlineExceeded) << "the test's own deadline";
  co_await pair.server->close(CloseCode::kNormal, "");
  co_await scope.join();
  EXPECT_EQ(code, 1000);
}

TEST(WebSocketTest, APeerThatAnswersPingsIsKept) {
  run(check_alive);
}

Task<void> flood(WebSocket* socket, std::size_t messages, std::size_t* sent) {
  const std::string data(64 * 1024, 'x');
  for (std::size_t i = 0; i < messages; ++i) {
    if (!co_await socket->send(Opcode::kBinary, data)) co_return;
    ++*sent;
  }
}

Task<void> check_back_pressure(Loop& loop) {
  Pair pair(loop);
  pair.make_client();
  constexpr std::size_t kMessages = 64;
  std::size_t first = 0, second = 0;
  TaskScope scope(loop);
  scope.spawn(flood(pair.server.get(), kMessages, &first));
  scope.spawn(flood(pair.server.get(), kMessages, &second));
  (void)co_await sleep_for(milliseconds(50));
  EXPECT_LT(first + second, 2 * kMessages);  // Nobody has read.
  // A side that is full still takes input and does not wait for its pongs.
  EXPECT_TRUE(co_await (*pair.client)->send(Opcode::kText, "still there?"));
  const auto heard = co_await with_timeout(std::chrono::seconds(2), pair.server->receive());
  EXPECT_TRUE(heard && heard->data == "still there?");
  for (std::size_t i = 0; i < 2 * kMessages; ++i) {
    const auto message = co_await (*pair.client)->receive();
    CO_ASSERT(message.has_value());
    EXPECT_EQ(message->data.size(), 64u * 1024);
  }
  co_await scope.join();
  EXPECT_EQ(first + second, 2 * kMessages);
}

TEST(WebSocketTest, SendersWaitForASlowReaderAndTakeTurns) {
  run(check_back_pressure);
}

Task<void> check_cut_send(Loop& loop) {
  Pair pair(loop);
  std::size_t sent = 0;
  TaskScope scope(loop);
  scope.spawn(flood(pair.server.get(), 1000, &sent));
  (void)co_await sleep_for(milliseconds(20));
  scope.request_stop();
  co_await scope.join();
  EXPECT_EQ((co_await pair.server->send(Opcode::kText, "x")).error().code, Code::kUnavailable);
}

TEST(WebSocketTest, NothingIsSentBehindAFrameThatWasCut) {
  run(check_cut_send);
}

class EchoHandler final : public HttpHandler {
 public:
  Task<Result<void>> handle(Request& request, ResponseWriter& response) override {
    if (const auto is_right = check_websocket_request(request.head()); !is_right) {
      co_return co_await response.send(400, {}, is_right.error().message);
    }
    Headers headers = websocket_upgrade(request.head());
    if (request.path() == "/wrong") headers.set("Sec-WebSocket-Accept", "AAAA");
    WRENN_CO_TRY(co_await response.upgrade(std::move(headers)));
    WebSocket socket(request.stream(), request.input(), FrameSender::kServer);
    std::uint16_t code = 0;
    co_await echo_until_closed(&socket, &code);
    co_return {};
  }
};

Task<void> check_handshake(Loop& loop) {
  EchoHandler handler;
  HttpServer server(handler, {});
  auto listener = Listener::listen(loop, Endpoint::parse("127.0.0.1:0").value()).value();
  const auto endpoint = Endpoint::tcp("127.0.0.1", listener.port()).value();
  TaskScope scope(loop);
  scope.spawn(server.serve(std::move(listener)));
  {
    auto answer = co_await connect_websocket(endpoint, {.target = "/echo"});
    CO_ASSERT(answer.has_value() && answer->socket);
    EXPECT_EQ(answer->status, 101);
    EXPECT_TRUE(co_await (*answer->socket)->send(Opcode::kText, "hello"));
    const auto message = co_await (*answer->socket)->receive();
    EXPECT_TRUE(message && message->data == "hello");
    co_await (*answer->socket)->close(CloseCode::kNormal, "");
  }
  const auto wrong = co_await connect_websocket(endpoint, {.target = "/wrong"});
  EXPECT_TRUE(!wrong && wrong.error().code == Code::kInternal);
  const auto refused = co_await connect_websocket(
      endpoint, {.headers = Headers().with("Sec-WebSocket-Key", "twice")});
  CO_ASSERT(refused.has_value());
  EXPECT_TRUE(refused->status == 400 && !refused->socket);
  EXPECT_TRUE(refused->body.contains("Sec-WebSocket-Key")) << refused->body;
  scope.request_stop();
  co_await scope.join();
  const auto nobody = co_await connect_websocket(endpoint, {});
  EXPECT_TRUE(!nobody && nobody.error().code == Code::kUnavailable);
}

TEST(WebSocketTest, ShakesHandsWithAServer) {
  run(check_handshake);
}

}  // namespace
}  // namespace wrenn::net
