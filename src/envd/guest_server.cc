#include "envd/guest_server.h"

#include <algorithm>
#include <array>

#include <google/protobuf/struct.pb.h>

#include "base/log.h"
#include "base/request_id.h"
#include "connect/error.h"
#include "envd/cors.h"
#include "envd/files/file_entry.h"
#include "envd/guest/init.h"
#include "envd/http_reply.h"

namespace wrenn::envd {
namespace {

using base::Code;
using net::Task;

// The output of commands comes in smaller messages and goes out as it is: to pack it would slow it
// down more than any network here.
constexpr std::size_t kMinCompressed = 64 * 1024;
constexpr std::size_t kMaxInitBytes = 1u << 20;
constexpr std::size_t kLoggedPath = 200;

// 200 with the version, where E2B's agent says 204: clients of either look for any success, and the
// host's agent reads the version.
Task<base::Result<void>> send_health(net::ResponseWriter& response) {
  ::envd::HealthResponse health;
  health.set_version(WRENN_VERSION);
  co_return co_await send_json(response, health);
}

Task<base::Result<::envd::InitRequest>> read_init(net::Request& request) {
  WRENN_CO_TRY_ASSIGN(const std::string body, co_await read_small_body(request, kMaxInitBytes));
  ::envd::InitRequest message;
  // The host's agent speaks binary: under emulation a JSON parser that runs for the first time
  // costs a good part of a restore.
  const bool is_binary = request.headers().find("content-type") == "application/proto";
  const auto codec = is_binary ? connect::Codec::kProto : connect::Codec::kJson;
  if (!body.empty()) WRENN_CO_TRY(connect::decode(body, codec, message));
  co_return message;
}

base::Error unauthorized() {
  return {Code::kUnauthenticated,
          "unauthorized access, please provide a valid access token or method signing if "
          "supported"};
}

}  // namespace

GuestServer::GuestServer(net::Loop& loop, GuestCgroups cgroups, ProcessLimits limits)
    : cgroups_(std::move(cgroups)),
      heap_(loop),
      processes_(loop, settings_, cgroups_, limits),
      filesystem_(loop, settings_, pool_),
      watches_(loop, settings_, pool_),
      files_(settings_),
      compose_(settings_, pool_),
      ports_(loop, [this] { return !processes().running().empty(); }),
      ports_service_(ports_),
      router_({.min_compressed_bytes = kMinCompressed}) {
  processes_.add_to(router_);
  filesystem_.add_to(router_);
  watches_.add_to(router_);
  ports_service_.add_to(router_);
}

Task<void> GuestServer::stop() {
  co_await processes_.stop();
  co_await watches_.stop();
}

// These look at the token in ways of their own, or tell nothing.
bool GuestServer::is_allowed(const net::Request& request) const {
  if (settings_.token.empty()) return true;
  const std::string_view path = request.path();
  const bool is_get = request.method() == "GET" || request.method() == "HEAD";
  const bool is_post = request.method() == "POST";
  const bool is_open = (path == "/health" && is_get) || (path == "/files" && (is_get || is_post)) ||
                       (path == "/init" && is_post);
  return is_open || settings_.token.equals(request.headers().find("x-access-token").value_or(""));
}

Task<base::Result<void>> GuestServer::refuse(const net::Request& request,
                                             net::ResponseWriter& response) {
  const base::Error error = unauthorized();
  if (!router_.owns(request.path())) co_return co_await send_http_error(response, 401, error);
  const std::string body = connect::error_json(error);
  co_return co_await response.send(401, net::Headers().with("Content-Type", "application/json"),
                                   body);
}

Task<base::Result<void>> GuestServer::handle(net::Request& request, net::ResponseWriter& response) {
  const auto given = request.headers().find(base::kRequestIdField);
  if (!given || !base::is_request_id(*given)) co_return co_await serve(request, response);
  const std::string id(*given);
  response.add_field(base::kRequestIdField, id);
  auto served = co_await serve(request, response);
  base::log_debug("request", {{"method", request.method()},
                              {"path", request.path().substr(0, kLoggedPath)},
                              {"status", response.status()},
                              {"request", id}});
  co_return served;
}

Task<base::Result<void>> GuestServer::serve(net::Request& request, net::ResponseWriter& response) {
  const HeapTrimmer::Use use(heap_);
  allow_any_origin(request, response);
  if (request.method() == "OPTIONS") co_return co_await send_preflight(request, response);
  if (!is_allowed(request)) co_return co_await refuse(request, response);
  if (request.path().starts_with("/process.Process/")) ports_.expect_change();
  if (router_.owns(request.path())) co_return co_await router_.handle(request, response);
  co_return co_await route(request, response);
}

Task<base::Result<void>> GuestServer::route(net::Request& request, net::ResponseWriter& response) {
  const std::string_view path = request.path();
  const bool is_get = request.method() == "GET" || request.method() == "HEAD";
  const bool is_post = request.method() == "POST";
  if (path == "/health" && is_get) co_return co_await send_health(response);
  if (path == "/files" && is_get) co_return co_await files_.get(request, response);
  if (path == "/files" && is_post) co_return co_await files_.post(request, response);
  if (path == "/files/compose" && is_post) co_return co_await compose_.post(request, response);
  if (path == "/init" && is_post) co_return co_await init(request, response);
  if (path == "/envs" && is_get) co_return co_await list_env(response);
  if (path == "/metrics" && is_get) co_return co_await send_metrics(response);
  if (path == "/snapshot/prepare" && is_post) co_return co_await prepare_snapshot(response);

  constexpr std::array<std::string_view, 7> kPaths = {
      "/health", "/files", "/files/compose", "/init", "/envs", "/metrics", "/snapshot/prepare"};
  const bool is_known = std::ranges::find(kPaths, path) != kPaths.end();
  const base::Error error(Code::kNotFound,
                          is_known ? "this route has other methods" : "there is no such route");
  co_return co_await send_http_error(response, is_known ? 405 : 404, error);
}

// Whoever knows the token may say so in either place: a caller that lost the answer to its first
// call repeats it as it was.
Task<base::Result<void>> GuestServer::init(net::Request& request, net::ResponseWriter& response) {
  response.add_field("X-Envd-Version", WRENN_VERSION);
  const auto message = co_await read_init(request);
  const bool is_known =
      settings_.token.empty() ||
      settings_.token.equals(request.headers().find("x-access-token").value_or("")) ||
      (message && settings_.token.equals(message->access_token()));
  if (!is_known) co_return co_await send_http_error(response, 401, unauthorized());
  if (!message) {
    co_return co_await send_http_error(response, connect::http_status(message.error().code),
                                       message.error());
  }
  // First, so that no handler of the guest's earlier life goes on in this one.
  if (message->restored() && server_ != nullptr) server_->cut_all_but(request.stream());
  const auto applied = apply_init(*message, settings_);
  if (!applied) {
    const bool is_bad = applied.error().code == Code::kInvalidArgument;
    co_return co_await send_http_error(response, is_bad ? 400 : 500, applied.error());
  }
  // Before the answer: whoever reads it may come through a relay at once.
  if (message->restored()) ports_.cut_connections();
  // Nothing waits between the two, so no later request of whoever reads the answer overtakes this.
  auto sent = co_await response.send(204, {}, "");
  write_names(*applied);
  co_return sent;
}

Task<base::Result<void>> GuestServer::list_env(net::ResponseWriter& response) {
  google::protobuf::Struct env;
  for (const auto& [name, value] : settings_.env) {
    (*env.mutable_fields())[name].set_string_value(to_text(value));
  }
  co_return co_await send_json(response, env);
}

Task<base::Result<void>> GuestServer::send_metrics(net::ResponseWriter& response) {
  const auto text = co_await metrics_.read();
  if (!text) co_return co_await send_http_error(response, 500, text.error());
  co_return co_await response.send(
      200,
      net::Headers().with("Content-Type", "application/json").with("Cache-Control", "no-store"),
      *text);
}

// A connection that is open while the memory is saved is open in every guest restored from it, with
// nobody at its other end.
Task<base::Result<void>> GuestServer::prepare_snapshot(net::ResponseWriter& response) {
  if (server_ != nullptr) server_->close_kept();
  response.close_after();
  co_return co_await response.send(204, {}, "");
}

}  // namespace wrenn::envd
