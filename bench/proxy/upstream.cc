// The upstream of what nginx does not answer: WebSockets and uploads.
#include <sys/socket.h>

#include <cerrno>
#include <csignal>
#include <cstdio>

#include "base/strings.h"
#include "bench/proxy/load.h"
#include "net/scope.h"
#include "net/signals.h"
#include "net/websocket_frame.h"

namespace wrenn::bench {
namespace {

constexpr int kBacklog = 4096;
constexpr std::size_t kMaxMessage = 1u << 20;

Result<net::IoFd> listen_on(net::Loop& loop, const net::Endpoint& endpoint) {
  WRENN_TRY_ASSIGN(base::Fd socket, endpoint.make_socket());
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const int error = endpoint.bind(socket.get());
  if (error != 0 || ::listen(socket.get(), kBacklog) != 0) {
    return base::fail_errno(error != 0 ? error : errno,
                            base::concat("cannot listen on ", endpoint.to_string()));
  }
  return net::IoFd::create(loop, std::move(socket));
}

Task<Result<void>> echo_messages(Connection& connection, std::string_view key) {
  WRENN_CO_TRY(co_await connection.stream().write_all(base::concat(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: ",
      net::websocket_accept(key), "\r\n\r\n")));
  net::WebSocketReader reader(net::FrameSender::kClient, kMaxMessage);
  while (true) {
    std::string_view unread = connection.received();
    WRENN_CO_TRY_ASSIGN(const auto message, reader.next(unread));
    connection.received().erase(0, connection.received().size() - unread.size());
    if (!message) {
      WRENN_CO_TRY(co_await connection.receive());
      continue;
    }
    if (message->kind == net::Opcode::kClose) co_return {};
    if (message->kind == net::Opcode::kPong) continue;
    const net::FrameHead head{
        .opcode = message->kind == net::Opcode::kPing ? net::Opcode::kPong : message->kind,
        .length = message->data.size()};
    WRENN_CO_TRY(
        co_await connection.stream().write_all(net::write_frame_head(head), message->data));
  }
}

Task<Result<std::uint64_t>> discard_chunks(Connection& connection) {
  net::ChunkedDecoder decoder;
  std::uint64_t length = 0;
  while (true) {
    WRENN_CO_TRY_ASSIGN(const auto step, decoder.decode(connection.received()));
    length += step.data.size();
    connection.received().erase(0, step.consumed);
    if (step.finished) co_return length;
    if (step.consumed == 0) WRENN_CO_TRY(co_await connection.receive());
  }
}

// False once the connection is to be closed.
Task<Result<bool>> answer(Connection& connection) {
  WRENN_CO_TRY_ASSIGN(const auto text, co_await connection.head());
  if (!text) co_return false;
  WRENN_CO_TRY_ASSIGN(const auto head, net::HeadParser::parse_request(*text, {}));
  if (head.headers.find("Upgrade")) {
    WRENN_CO_TRY(net::check_websocket_request(head));
    const std::string key(head.headers.find("Sec-WebSocket-Key").value_or(""));
    WRENN_CO_TRY(co_await echo_messages(connection, key));
    co_return false;
  }
  std::uint64_t length = head.length;
  if (head.framing == net::Framing::kChunked) {
    WRENN_CO_TRY_ASSIGN(length, co_await discard_chunks(connection));
  } else {
    WRENN_CO_TRY(co_await connection.discard(length));
  }
  const std::string body = base::concat(length, "\n");
  WRENN_CO_TRY(co_await connection.stream().write_all(
      base::concat("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ", body.size(),
                   "\r\n\r\n"),
      body));
  co_return head.keep_alive;
}

Task<void> serve(std::unique_ptr<Connection> connection) {
  while (true) {
    // A client that goes away, or speaks nonsense, notices by itself.
    const auto goes_on = co_await answer(*connection);
    if (!goes_on || !*goes_on) co_return;
  }
}

Task<void> accept_all(net::IoFd* listener, net::TaskScope* connections) {
  while (true) {
    base::Fd fd(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.valid()) {
      if (auto made = Connection::adopt(listener->loop(), std::move(fd)))
        connections->spawn(serve(std::move(*made)));
    } else if (errno == EAGAIN) {
      if (co_await listener->readable() == net::Woken::kStopped) co_return;
    } else if (errno == EMFILE || errno == ENFILE) {
      std::fprintf(stderr, "proxy_load upstream: no descriptors are left\n");
      if (!co_await net::sleep_for(std::chrono::seconds(1))) co_return;
    }
  }
}

}  // namespace

Task<Result<void>> serve_upstream(net::Endpoint listen) {
  const net::Context context = co_await net::current_context();
  WRENN_CO_TRY_ASSIGN(auto signals, net::Signals::create({SIGTERM, SIGINT}));
  WRENN_CO_TRY_ASSIGN(net::IoFd listener, listen_on(*context.loop, listen));
  std::puts("ready");
  std::fflush(stdout);
  net::TaskScope connections(*context.loop);
  connections.spawn(accept_all(&listener, &connections));
  const auto signal = co_await signals.next();
  connections.request_stop();
  co_await connections.join();
  if (!signal) co_return base::fail(signal.error());
  co_return {};
}

}  // namespace wrenn::bench
