// The client's end of a WebSocket, with a connection of its own.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "net/endpoint.h"
#include "net/websocket.h"

namespace wrenn::net {

class ClientWebSocket {
 public:
  ClientWebSocket(std::unique_ptr<Stream> stream, WebSocketOptions options)
      : stream_(std::move(stream)),
        input_(*stream_),
        socket_(*stream_, input_, FrameSender::kClient, options) {}

  WebSocket& operator*() { return socket_; }
  WebSocket* operator->() { return &socket_; }
  InputBuffer& input() { return input_; }

 private:
  std::unique_ptr<Stream> stream_;
  InputBuffer input_;
  WebSocket socket_;
};

struct WebSocketRequest {
  std::string target = "/";
  std::string host = "localhost";  // The Host field.
  Headers headers{};
  base::Duration timeout = std::chrono::seconds(30);  // To the head of the answer.
  WebSocketOptions options{};
};

// A server that did not want to may have said why: then there is no socket.
struct WebSocketAnswer {
  int status = 0;
  std::string body;  // 64 KiB at most.
  std::unique_ptr<ClientWebSocket> socket;
};

// kUnavailable when there was no answer, kDeadlineExceeded when it did not come in time,
// kInternal for a 101 that does not answer this request.
Task<base::Result<WebSocketAnswer>> connect_websocket(Endpoint endpoint, WebSocketRequest request);

}  // namespace wrenn::net
