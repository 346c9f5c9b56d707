// WebSocket: one end of a connection that speaks WebSocket (RFC 6455), on either side.
//
//   WRENN_CO_TRY(co_await response.upgrade(websocket_upgrade(request.head())));
//   WebSocket socket(request.stream(), request.input(), FrameSender::kServer);
//   WRENN_CO_TRY_ASSIGN(const WebSocketMessage message, co_await socket.receive());
//   WRENN_CO_TRY(co_await socket.send(Opcode::kText, "hello"));
//   co_await socket.close(CloseCode::kNormal, "done");
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/time.h"
#include "net/headers.h"
#include "net/http_connection.h"
#include "net/stream.h"
#include "net/sync.h"
#include "net/websocket_frame.h"

namespace wrenn::net {

struct WebSocketOptions {
  std::size_t max_message = 1u << 20;  // Of a received one.
  // The other side is pinged when nothing came from it for so long.
  base::Duration ping_after = std::chrono::seconds(30);
  // Nothing came while receive() waited, and nothing was being sent: it is gone.
  base::Duration give_up_after = std::chrono::seconds(90);
  // For the other side to answer a close.
  base::Duration close_timeout = std::chrono::seconds(5);
};

// The fields of the 101 for a request that check_websocket_request() took.
Headers websocket_upgrade(const RequestHead& head);

// For one loop. One task may receive while others send; pings are answered by receive(), without
// waiting for a peer that does not read. An idle one holds no buffer.
class WebSocket {
 public:
  // `self`: this side. The stream and its input must outlive it.
  WebSocket(Stream& stream, InputBuffer& input, FrameSender self, WebSocketOptions options = {});
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  // The next text, binary or close message; nothing is received after a close, which is answered
  // already. kUnavailable when the connection ended without one, kDeadlineExceeded when the other
  // side is silent; an error of WebSocketReader, which the other side has been told then. After
  // kCanceled it can be called again.
  Task<base::Result<WebSocketMessage>> receive();
  // One message, text or binary. Waits until the kernel has it all; senders take turns.
  // kUnavailable once the socket is closed or broken: a send that was stopped half way breaks it.
  Task<base::Result<void>> send(Opcode kind, std::string_view data);
  // Says goodbye and waits for the other side to do so, for the close timeout at most; not cut
  // short by a stop. Does nothing the second time.
  Task<void> close(CloseCode code, std::string reason);

 private:
  Task<base::Result<WebSocketMessage>> receive_next();
  Task<base::Result<void>> read_more();
  Task<base::Result<WebSocketMessage>> refuse(base::Error error);
  Task<base::Result<void>> send_close(std::string payload);
  Task<void> close_now(CloseCode code, std::string reason);
  Task<base::Result<void>> await_close();
  Task<base::Result<void>> discard_input();
  Task<base::Result<void>> write_frame(Opcode kind, std::string_view data);

  std::string frame_head(Opcode kind, std::size_t length, std::optional<MaskKey> mask) const;
  void queue_control(Opcode kind, std::string_view data);
  void flush_control();
  void ping_if_silent();

  Stream& stream_;
  InputBuffer& input_;
  const FrameSender self_;
  const WebSocketOptions options_;
  WebSocketReader reader_;
  Mutex write_mutex_;
  bool is_writing_ = false;
  bool is_receiving_ = false;
  bool is_broken_ = false;  // A frame was cut: nothing can be sent behind it.
  bool close_sent_ = false;
  Event ended_;          // Nothing more will be received.
  std::string control_;  // Frames that leave before the next message, or when there is room.
  base::SteadyTime heard_;
  Timer ping_timer_;
};

}  // namespace wrenn::net
