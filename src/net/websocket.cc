#include "net/websocket.h"

#include <algorithm>
#include <utility>

#include "base/crypto.h"
#include "base/strings.h"
#include "net/scope.h"

namespace wrenn::net {
namespace {

using base::Code;
using base::Result;

// Of pings and pongs that a peer who does not read has not taken yet.
constexpr std::size_t kMaxControlQueued = 1024;

FrameSender other(FrameSender side) {
  return side == FrameSender::kClient ? FrameSender::kServer : FrameSender::kClient;
}

// RFC 6455 section 5.3: not to be guessed by whoever gave us the payload.
std::optional<MaskKey> new_mask(FrameSender self) {
  if (self == FrameSender::kServer) return std::nullopt;
  MaskKey key;
  const std::string bytes = base::random_bytes(key.size());
  std::ranges::copy(bytes, key.begin());
  return key;
}

CloseCode code_for(const base::Error& error) {
  switch (error.code) {
    case Code::kDataLoss:
      return CloseCode::kInvalidText;
    case Code::kResourceExhausted:
      return CloseCode::kTooBig;
    default:
      return CloseCode::kProtocolError;
  }
}

base::Error closed_error() {
  return {Code::kUnavailable, "the WebSocket is closed"};
}

}  // namespace

Headers websocket_upgrade(const RequestHead& head) {
  return Headers()
      .with("Connection", "Upgrade")
      .with("Upgrade", "websocket")
      .with("Sec-WebSocket-Accept",
            websocket_accept(head.headers.find("Sec-WebSocket-Key").value_or("")));
}

WebSocket::WebSocket(Stream& stream, InputBuffer& input, FrameSender self, WebSocketOptions options)
    : stream_(stream),
      input_(input),
      self_(self),
      options_(options),
      reader_(other(self), options.max_message),
      heard_(base::steady_now()),
      ping_timer_(stream.loop(), [this] { ping_if_silent(); }) {
  ping_timer_.start(options_.ping_after);
}

std::string WebSocket::frame_head(Opcode kind, std::size_t length,
                                  std::optional<MaskKey> mask) const {
  return write_frame_head({.opcode = kind, .length = length, .mask = mask});
}

void WebSocket::queue_control(Opcode kind, std::string_view data) {
  if (control_.size() >= kMaxControlQueued || close_sent_ || is_broken_) return;
  const auto mask = new_mask(self_);
  control_ += frame_head(kind, data.size(), mask);
  const std::size_t begin = control_.size();
  control_ += data;
  if (mask) apply_mask(std::span(control_).subspan(begin), *mask);
}

// What does not leave at once leaves with the next message, or at the next occasion.
void WebSocket::flush_control() {
  if (is_writing_ || is_broken_ || control_.empty()) return;
  const auto written = stream_.write_now(control_);
  if (written) {
    control_.erase(0, *written);
  } else {
    is_broken_ = true;
  }
}

void WebSocket::ping_if_silent() {
  if (close_sent_ || is_broken_ || ended_.is_set()) return;
  const base::Duration silence = base::steady_now() - heard_;
  if (silence < options_.ping_after) {
    ping_timer_.start(options_.ping_after - silence);
    return;
  }
  queue_control(Opcode::kPing, {});
  flush_control();
  ping_timer_.start(options_.ping_after);
}

Task<Result<WebSocketMessage>> WebSocket::receive() {
  if (ended_.is_set()) co_return base::fail(closed_error());
  is_receiving_ = true;
  auto message = co_await receive_next();
  is_receiving_ = false;
  const bool is_last =
      message ? message->kind == Opcode::kClose : message.error().code != Code::kCanceled;
  if (is_last) ended_.set();
  co_return message;
}

Task<Result<WebSocketMessage>> WebSocket::receive_next() {
  while (true) {
    std::string_view received = input_.view();
    const std::size_t size = received.size();
    auto message = reader_.next(received);
    input_.consume(size - received.size());
    if (!message) co_return co_await refuse(std::move(message).error());
    if (!*message) {
      flush_control();
      WRENN_CO_TRY(co_await read_more());
      continue;
    }
    switch ((*message)->kind) {
      case Opcode::kPing:
        queue_control(Opcode::kPong, (*message)->data);
        break;
      case Opcode::kPong:
        break;
      case Opcode::kClose: {
        constexpr std::uint16_t kNone = 1005;
        const std::uint16_t code = (*message)->close_code;
        (void)co_await with_timeout(
            options_.close_timeout,
            send_close(code == kNone ? std::string()
                                     : close_payload(static_cast<CloseCode>(code), {})));
        co_return std::move(**message);
      }
      default:
        co_return std::move(**message);
    }
  }
}

Task<Result<void>> WebSocket::read_more() {
  while (true) {
    const auto filled = co_await with_timeout(options_.give_up_after, input_.fill());
    if (filled) {
      heard_ = base::steady_now();
      if (*filled) co_return {};
      co_return base::fail(Code::kUnavailable, "the connection ended without a close");
    }
    if (filled.error().code != Code::kDeadlineExceeded) co_return base::fail(filled.error());
    // Whoever does not take what we send may be slow to answer, too; TCP finds out whether it
    // lives.
    if (is_writing_) continue;
    co_return base::fail(
        Code::kDeadlineExceeded,
        base::concat("nothing came for ", base::to_ms(options_.give_up_after) / 1000, " s"));
  }
}

// The other side broke the rules. It is told, and its bytes are let go until it has closed: closing
// with some of them unread would take the close frame back.
Task<Result<WebSocketMessage>> WebSocket::refuse(base::Error error) {
  (void)co_await with_timeout(options_.close_timeout,
                              send_close(close_payload(code_for(error), error.message)));
  stream_.shutdown_write();
  (void)co_await with_timeout(options_.close_timeout, discard_input());
  co_return base::fail(std::move(error));
}

Task<Result<void>> WebSocket::discard_input() {
  while (true) {
    input_.consume(input_.view().size());
    WRENN_CO_TRY_ASSIGN(const bool more, co_await input_.fill());
    if (!more) co_return {};
  }
}

// With the lock held.
Task<Result<void>> WebSocket::write_frame(Opcode kind, std::string_view data) {
  std::string before = std::exchange(control_, {});
  const auto mask = new_mask(self_);
  before += frame_head(kind, data.size(), mask);
  std::string masked;
  if (mask) {
    masked = data;
    apply_mask(masked, *mask);
    data = masked;
  }
  is_writing_ = true;
  auto written = co_await stream_.write_all(before, data);
  is_writing_ = false;
  if (!written) is_broken_ = true;
  co_return written;
}

Task<Result<void>> WebSocket::send(Opcode kind, std::string_view data) {
  WRENN_CO_TRY_ASSIGN(const auto lock, co_await write_mutex_.lock());
  if (close_sent_ || is_broken_) co_return base::fail(closed_error());
  auto written = co_await write_frame(kind, data);
  flush_control();
  co_return written;
}

Task<Result<void>> WebSocket::send_close(std::string payload) {
  WRENN_CO_TRY_ASSIGN(const auto lock, co_await write_mutex_.lock());
  if (close_sent_) co_return {};
  close_sent_ = true;
  ping_timer_.cancel();
  if (is_broken_) co_return base::fail(closed_error());
  co_return co_await write_frame(Opcode::kClose, payload);
}

Task<void> WebSocket::close(CloseCode code, std::string reason) {
  return with_stop(StopToken(), close_now(code, std::move(reason)));
}

Task<void> WebSocket::close_now(CloseCode code, std::string reason) {
  const auto sent =
      co_await with_timeout(options_.close_timeout, send_close(close_payload(code, reason)));
  if (sent && !ended_.is_set()) {
    (void)co_await with_timeout(options_.close_timeout, await_close());
  }
  ping_timer_.cancel();
}

Task<Result<void>> WebSocket::await_close() {
  if (is_receiving_) co_return co_await ended_.wait();
  while (true) {
    WRENN_CO_TRY_ASSIGN(const WebSocketMessage message, co_await receive());
    if (message.kind == Opcode::kClose) co_return {};
  }
}

}  // namespace wrenn::net
