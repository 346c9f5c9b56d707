// ApiSocket: a WebSocket of the API: JSON in text messages, errors as a message and a close code.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "control/api/call.h"
#include "control/api/errors.h"
#include "net/scope.h"
#include "net/websocket.h"

namespace wrenn::control {

struct Services;

// For the loop of its call, which it must not outlive.
class ApiSocket {
 public:
  explicit ApiSocket(Call& call);

  // The next message; nothing once the client has said goodbye. kInvalidRequest for one that is not
  // text, kClientGone when the client is gone or broke the protocol.
  net::Task<Answer<std::optional<std::string>>> receive();
  // One message, as slowly as the client reads. kClientGone.
  net::Task<Answer<void>> send(std::string json);
  // An error after which the socket goes on.
  net::Task<Answer<void>> tell(const ApiError& error);
  // The last message, and the close code that fits it. A client who does not read is not waited
  // for.
  net::Task<void> end(ApiError error);
  net::Task<void> close(net::CloseCode code, std::string reason);

 private:
  net::WebSocket socket_;
};

// The task's answer, or `late` when it did not come in time.
template <class T>
net::Task<Answer<T>> answer_within(base::Duration limit, net::Task<Answer<T>> task, ApiError late) {
  const net::Context context = co_await net::current_context();
  net::StopSource stop(context.stop);
  bool expired = false;
  net::Timer timer(*context.loop, [&] {
    expired = true;
    stop.request_stop();
  });
  timer.start(limit);
  auto answer = co_await net::with_stop(stop.token(), std::move(task));
  if (expired && !answer && answer.error().code == ApiCode::kClientGone) {
    co_return std::unexpected(std::move(late));
  }
  co_return answer;
}

using SocketHandler = net::Task<Answer<void>> (*)(Services&, Call&, ApiSocket&);

// Answers the request with a socket that has a key and a running sandbox behind it, and runs the
// handler on it. A key in a header is looked at before the upgrade, and what is wrong then is an
// HTTP error; without one the first message has to bring it, within 5 s, and errors are messages.
//
// Origin does not matter: nothing that a browser adds by itself, such as a cookie, authenticates.
net::Task<Answer<void>> serve_socket(Services& services, Call& call, SocketHandler handler);

}  // namespace wrenn::control
