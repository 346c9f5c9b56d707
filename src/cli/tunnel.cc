#include "cli/tunnel.h"

#include <vector>

#include <boost/json.hpp>

#include "base/strings.h"
#include "cli/json_text.h"
#include "net/http_connection.h"
#include "net/scope.h"

namespace wrenn::cli {
namespace {

using base::Result;
using net::Task;

constexpr auto kConnect = std::chrono::seconds(10);
// The proxy connects to the sandbox meanwhile.
constexpr auto kAnswer = std::chrono::seconds(60);
constexpr std::size_t kMaxErrorBody = 64 * 1024;
constexpr std::size_t kBuffer = 64 * 1024;

std::string request_head(const TunnelTarget& target) {
  net::Headers headers;
  headers.add("Host", target.authority);
  headers.add("Connection", "Upgrade");
  headers.add("Upgrade", "tcp");
  headers.add("X-Wrenn-Traffic-Token", target.traffic_token.reveal());
  headers.add("User-Agent", "wrenn/" WRENN_VERSION);
  std::string head =
      base::concat("GET /tunnel/", target.sandbox_id, '/', target.port, " HTTP/1.1\r\n");
  headers.write_to(head);
  return head + "\r\n";
}

std::unexpected<base::Error> no_tunnel(const TunnelTarget& target) {
  return base::fail(base::Code::kUnavailable,
                    base::concat("what answers at ", target.authority, " is not Wrenn's proxy"),
                    "is WRENN_PROXY_URL of the server right?");
}

// {"sandboxId","message","port","code"}.
base::Error proxy_error(int status, std::string_view body) {
  const auto value = parse_json(body);
  const auto* object = value ? value->if_object() : nullptr;
  std::string message = object == nullptr ? std::string() : string_field(*object, "message");
  if (message.empty()) message = base::concat("the proxy answered with status ", status);
  return {base::Code::kUnavailable, std::move(message)};
}

// kUnavailable with what the proxy said, unless it opened the way.
Task<Result<void>> read_answer(net::InputBuffer& input, const TunnelTarget& target) {
  const net::HeadLimits limits;
  WRENN_CO_TRY_ASSIGN(const std::string_view text, co_await input.read_head(limits));
  if (text.empty()) co_return no_tunnel(target);
  auto head = net::HeadParser::parse_response(text, limits, "GET");
  if (!head) co_return no_tunnel(target);
  input.consume(text.size());
  if (head->status == 101) co_return {};
  net::BodyReader body(input, head->framing, head->length, kAnswer);
  const auto content = co_await net::read_all(body, kMaxErrorBody);
  if (head->status < 400) co_return no_tunnel(target);
  co_return base::fail(proxy_error(head->status, content.value_or("")));
}

Task<Result<std::unique_ptr<net::Stream>>> reach_proxy(TunnelTarget target) {
  auto stream = co_await net::with_timeout(kConnect, net::connect(target.proxy));
  if (stream || stream.error().code == base::Code::kCanceled) co_return stream;
  co_return base::fail(base::Code::kUnavailable,
                       base::concat("cannot reach the proxy: ", stream.error().message),
                       "is it running? another address is set by WRENN_PROXY_URL on the server");
}

// Until the end, which is passed on, or until one of the two breaks.
Task<void> pump(net::InputBuffer& from, net::Stream& to, net::TaskScope& scope) {
  std::vector<char> buffer(kBuffer);
  while (true) {
    const auto n = co_await from.read(buffer);
    if (n && *n == 0) {
      to.shutdown_write();
      co_return;
    }
    if (!n || !co_await to.write_all({buffer.data(), *n})) {
      scope.request_stop();
      co_return;
    }
  }
}

}  // namespace

Task<Result<void>> carry(std::unique_ptr<net::Stream> client, TunnelTarget target) {
  WRENN_CO_TRY_ASSIGN(const auto proxy, co_await reach_proxy(target));
  const std::string head = request_head(target);
  WRENN_CO_TRY(co_await proxy->write_all(head));
  net::InputBuffer from_proxy(*proxy);
  WRENN_CO_TRY(co_await net::with_timeout(kAnswer, read_answer(from_proxy, target)));
  net::InputBuffer from_client(*client);
  const net::Context context = co_await net::current_context();
  net::TaskScope scope(*context.loop, context.stop);
  scope.spawn(pump(from_client, *proxy, scope));
  scope.spawn(pump(from_proxy, *client, scope));
  co_await scope.join();
  co_return {};
}

}  // namespace wrenn::cli
