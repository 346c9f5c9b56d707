#include "net/metrics_server.h"

#include <cstdlib>

#include "base/crypto.h"
#include "base/exposition.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::net {
namespace {

using base::concat;
using base::Result;

constexpr std::size_t kMinToken = 16;
constexpr std::string_view kScheme = "bearer ";
// Whoever reads figures comes now and then, and there are few of them.
constexpr std::size_t kMaxConnections = 64;

Task<Result<void>> send_text(ResponseWriter& response, int status, std::string_view text,
                             Headers headers = {}) {
  headers.set("Content-Type", "text/plain; charset=utf-8");
  co_return co_await response.send(status, std::move(headers), text);
}

}  // namespace

Task<Result<void>> send_metrics(MetricsSource& source, ResponseWriter& response) {
  const std::string text = co_await source.metrics();
  co_return co_await response.send(
      200, Headers().with("Content-Type", base::kExpositionType).with("Cache-Control", "no-store"),
      text);
}

bool MetricsHandler::may_read(const Request& request) const {
  if (token_.empty()) return true;
  const std::string_view given = request.headers().find("authorization").value_or("");
  return base::equal_ignore_case(given.substr(0, kScheme.size()), kScheme) &&
         base::constant_time_equal(base::trim(given.substr(kScheme.size())), token_.reveal());
}

Task<Result<void>> MetricsHandler::handle(Request& request, ResponseWriter& response) {
  if (!may_read(request)) {
    co_return co_await send_text(
        response, 401,
        "show the token: Authorization: Bearer, and the value of WRENN_METRICS_TOKEN\n",
        Headers().with("WWW-Authenticate", "Bearer"));
  }
  if (request.path() != "/metrics") {
    co_return co_await send_text(response, 404, "there is nothing here but /metrics\n");
  }
  if (request.method() != "GET" && request.method() != "HEAD") {
    co_return co_await send_text(response, 405, "use GET\n", Headers().with("Allow", "GET, HEAD"));
  }
  co_return co_await send_metrics(source_, response);
}

MetricsListen metrics_listen(std::string address) {
  const char* token = std::getenv("WRENN_METRICS_TOKEN");
  return {.address = std::move(address), .token = base::Secret(token == nullptr ? "" : token)};
}

Result<std::optional<Endpoint>> metrics_endpoint(const MetricsListen& listen) {
  if (listen.address.empty()) return std::nullopt;
  const std::size_t token_size = listen.token.reveal().size();
  if (token_size > 0 && token_size < kMinToken) {
    return base::fail(base::Code::kInvalidArgument,
                      concat("WRENN_METRICS_TOKEN has less than ", kMinToken, " characters"),
                      "`openssl rand -hex 32` makes one");
  }
  auto endpoint = Endpoint::parse(listen.address);
  if (!endpoint)
    return base::fail(std::move(endpoint).error().with_context("the metrics' address"));
  if (token_size == 0 && !endpoint->is_local()) {
    return base::fail(base::Code::kInvalidArgument,
                      concat("others would read the metrics at ", listen.address),
                      "set WRENN_METRICS_TOKEN, or listen on a loopback address such as "
                      "127.0.0.1:9180");
  }
  return *std::move(endpoint);
}

Result<std::unique_ptr<MetricsServer>> MetricsServer::start(Loop& loop, const MetricsListen& listen,
                                                            MetricsSource& source) {
  WRENN_TRY_ASSIGN(const auto endpoint, metrics_endpoint(listen));
  if (!endpoint) return nullptr;
  WRENN_TRY_ASSIGN(auto listener, Listener::listen(loop, *endpoint));
  base::log_info("metrics", {{"address", endpoint->to_string()}});
  return std::unique_ptr<MetricsServer>(new MetricsServer(
      std::move(listener), source, base::Secret(std::string(listen.token.reveal()))));
}

Task<void> MetricsServer::serve() {
  HttpServer server(handler_, {.max_connections = kMaxConnections});
  co_await server.serve(std::move(listener_));
}

}  // namespace wrenn::net
