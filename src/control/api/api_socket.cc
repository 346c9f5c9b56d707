#include "control/api/api_socket.h"

#include "base/log.h"
#include "base/strings.h"
#include "control/api/auth.h"
#include "control/api/client_messages.h"
#include "control/api/output_messages.h"
#include "control/services.h"
#include "net/scope.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::CloseCode;
using net::Opcode;
using net::Task;

constexpr auto kAuthTimeout = std::chrono::seconds(5);
constexpr auto kLastWordTimeout = std::chrono::seconds(5);

CloseCode close_code(ApiCode code) {
  switch (code) {
    case ApiCode::kTooMany:
    case ApiCode::kQuotaExceeded:
      return CloseCode::kTryAgainLater;
    case ApiCode::kDbError:
    case ApiCode::kDbUnavailable:
    case ApiCode::kInternalError:
    case ApiCode::kAgentError:
    case ApiCode::kUnimplemented:
    case ApiCode::kHostUnavailable:
    case ApiCode::kNoHostsAvailable:
    case ApiCode::kClientGone:
      return CloseCode::kInternalError;
    default:
      return CloseCode::kPolicyViolation;
  }
}

Answer<void> check_upgrade(Call& call) {
  const auto checked = net::check_websocket_request(call.request().head());
  if (checked) return {};
  if (checked.error().code == base::Code::kUnimplemented) {
    call.response().add_field("Sec-WebSocket-Version", "13");
  }
  return refuse(ApiCode::kInvalidRequest, checked.error().to_string());
}

Answer<OpenSockets::Place> take_place(Services& services, const Call& call) {
  auto place = services.open_sockets.take(call.team_id());
  if (place) return std::move(*place);
  return refuse(ApiCode::kTooMany, concat("the team has ", OpenSockets::kMaxPerTeam,
                                          " WebSockets open; close one first"));
}

ApiError no_key_error() {
  return {ApiCode::kUnauthorized,
          "no key came within 5 s; send {\"type\":\"auth\",\"token\":KEY} first, or the key in "
          "the X-API-Key header"};
}

Task<Answer<void>> authenticate_by_message(Services& services, Call& call, ApiSocket& socket) {
  API_CO_TRY_ASSIGN(const std::optional<std::string> message,
                    co_await answer_within(kAuthTimeout, socket.receive(), no_key_error()));
  if (!message) co_return refuse(ApiCode::kClientGone, "the client left before it sent a key");
  API_CO_TRY_ASSIGN(std::string token, parse_auth_message(*message));
  co_return co_await admit(services, call, base::Secret(std::move(token)));
}

Task<Answer<void>> authenticate_and_serve(Services& services, Call& call, ApiSocket& socket,
                                          SocketHandler handler) {
  API_CO_TRY(co_await authenticate_by_message(services, call, socket));
  API_CO_TRY(co_await find_running(services, call));
  API_CO_TRY_ASSIGN(const OpenSockets::Place place, take_place(services, call));
  co_return co_await handler(services, call, socket);
}

// Runs the task and says goodbye as it ended.
Task<Answer<void>> serve_to_end(Services& services, ApiSocket& socket, Task<Answer<void>> task) {
  Answer<void> answer =
      co_await net::with_stop_also(services.open_sockets.closing(), std::move(task));
  const net::Context context = co_await net::current_context();
  const bool is_stopping =
      services.open_sockets.closing().stop_requested() || context.stop.stop_requested();
  if (answer) {
    co_await socket.close(CloseCode::kNormal, "");
  } else if (is_stopping) {
    co_await socket.close(CloseCode::kGoingAway, "the control plane stops; connect again");
  } else {
    co_await socket.end(answer.error());
  }
  co_return answer;
}

}  // namespace

ApiSocket::ApiSocket(Call& call)
    : socket_(call.request().stream(), call.request().input(), net::FrameSender::kServer,
              {.max_message = kMaxSocketMessage}) {}

Task<Answer<std::optional<std::string>>> ApiSocket::receive() {
  auto message = co_await socket_.receive();
  if (!message) co_return refuse(ApiCode::kClientGone, message.error().message);
  if (message->kind == Opcode::kClose) co_return std::nullopt;
  if (message->kind != Opcode::kText) {
    co_return refuse(ApiCode::kInvalidRequest,
                     "binary messages are not taken: send JSON as text, with bytes in base64");
  }
  co_return std::move(message->data);
}

Task<Answer<void>> ApiSocket::send(std::string json) {
  const auto sent = co_await socket_.send(Opcode::kText, json);
  if (!sent) co_return refuse(ApiCode::kClientGone, sent.error().message);
  co_return {};
}

Task<Answer<void>> ApiSocket::tell(const ApiError& error) {
  return send(error_message(error, Severity::kPassing));
}

Task<void> ApiSocket::end(ApiError error) {
  if (error.code == ApiCode::kClientGone) {
    // Whether it is really gone is not known; it costs no more than a packet.
    co_await socket_.close(CloseCode::kGoingAway, "");
    co_return;
  }
  if (!error.detail.empty()) base::log_warn("a socket ends", {{"error", for_log(error)}});
  const std::string last = error_message(error, Severity::kFatal);
  (void)co_await net::with_timeout(kLastWordTimeout, socket_.send(Opcode::kText, last));
  co_await socket_.close(close_code(error.code), std::string(wire_name(error.code)));
}

Task<void> ApiSocket::close(CloseCode code, std::string reason) {
  return socket_.close(code, std::move(reason));
}

Task<Answer<void>> serve_socket(Services& services, Call& call, SocketHandler handler) {
  API_CO_TRY(check_upgrade(call));
  const net::Headers upgrade = net::websocket_upgrade(call.request().head());
  if (!has_credentials(call.request().headers())) {
    API_CO_TRY(client_answer(co_await call.response().upgrade(upgrade)));
    ApiSocket socket(call);
    co_return co_await serve_to_end(services, socket,
                                    authenticate_and_serve(services, call, socket, handler));
  }
  API_CO_TRY_ASSIGN(base::Secret key, key_of(call.request().headers()));
  API_CO_TRY(co_await admit(services, call, std::move(key)));
  API_CO_TRY(co_await find_running(services, call));
  API_CO_TRY_ASSIGN(const OpenSockets::Place place, take_place(services, call));
  API_CO_TRY(client_answer(co_await call.response().upgrade(upgrade)));
  ApiSocket socket(call);
  co_return co_await serve_to_end(services, socket, handler(services, call, socket));
}

}  // namespace wrenn::control
