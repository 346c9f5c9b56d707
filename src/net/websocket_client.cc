#include "net/websocket_client.h"

#include "base/crypto.h"
#include "base/strings.h"
#include "net/scope.h"

namespace wrenn::net {
namespace {

using base::Code;
using base::Result;

constexpr std::size_t kMaxBody = 64 * 1024;
constexpr std::size_t kKeySize = 16;
constexpr auto kBodyTimeout = std::chrono::seconds(10);

Result<void> check_upgrade(const ResponseHead& head, std::string_view key) {
  const bool is_answer = head.headers.has_token("Upgrade", "websocket") &&
                         head.headers.has_token("Connection", "upgrade") &&
                         head.headers.find("Sec-WebSocket-Accept") == websocket_accept(key);
  const bool has_extension = head.headers.find("Sec-WebSocket-Extensions").has_value();
  if (is_answer && !has_extension) return {};
  return base::fail(Code::kInternal, "the server's answer is not that of a WebSocket",
                    "is there a proxy in between that does not know WebSockets?");
}

Task<Result<WebSocketAnswer>> open(Endpoint endpoint, WebSocketRequest request) {
  WRENN_CO_TRY_ASSIGN(auto stream, co_await connect(std::move(endpoint)));
  const std::string key = base::to_base64(base::random_bytes(kKeySize));
  std::string text = base::concat("GET ", request.target, " HTTP/1.1\r\nHost: ", request.host,
                                  "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                                  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ",
                                  key, "\r\n");
  request.headers.write_to(text);
  text += "\r\n";
  WRENN_CO_TRY(co_await stream->write_all(text));

  auto socket = std::make_unique<ClientWebSocket>(std::move(stream), request.options);
  WRENN_CO_TRY_ASSIGN(const std::string_view bytes, co_await socket->input().read_head({}));
  if (bytes.empty()) co_return base::fail(Code::kUnavailable, "the server closed the connection");
  WRENN_CO_TRY_ASSIGN(const ResponseHead head, HeadParser::parse_response(bytes, {}, "GET"));
  socket->input().consume(bytes.size());
  WebSocketAnswer answer{.status = head.status, .body = {}, .socket = {}};
  if (head.status == 101) {
    WRENN_CO_TRY(check_upgrade(head, key));
    answer.socket = std::move(socket);
    co_return answer;
  }
  BodyReader body(socket->input(), head.framing, head.length, kBodyTimeout);
  if (auto content = co_await read_all(body, kMaxBody)) answer.body = std::move(*content);
  co_return answer;
}

}  // namespace

Task<Result<WebSocketAnswer>> connect_websocket(Endpoint endpoint, WebSocketRequest request) {
  const base::Duration timeout = request.timeout;
  return with_timeout(timeout, open(std::move(endpoint), std::move(request)));
}

}  // namespace wrenn::net
