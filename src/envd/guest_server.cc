#include "envd/guest_server.h"

#include <google/protobuf/struct.pb.h>

#include "connect/error.h"
#include "envd/file_entry.h"
#include "envd/http_reply.h"
#include "envd/init.h"

namespace wrenn::envd {
namespace {

using base::Code;
using net::Task;

constexpr std::size_t kMaxInitBytes = 1u << 20;

Task<base::Result<void>> send_health(net::ResponseWriter& response) {
  ::envd::HealthResponse health;
  health.set_version(WRENN_VERSION);
  co_return co_await send_json(response, health);
}

Task<base::Result<::envd::InitRequest>> read_init(net::Request& request) {
  WRENN_CO_TRY_ASSIGN(const std::string body,
                      co_await net::read_all(request.body(), kMaxInitBytes));
  ::envd::InitRequest message;
  // The host's agent speaks binary: under emulation a JSON parser that runs for the first time
  // costs a good part of a restore.
  const bool is_binary = request.headers().find("content-type") == "application/proto";
  const auto codec = is_binary ? connect::Codec::kProto : connect::Codec::kJson;
  if (!body.empty()) WRENN_CO_TRY(connect::decode(body, codec, message));
  co_return message;
}

}  // namespace

GuestServer::GuestServer(net::Loop& loop)
    : heap_(loop),
      processes_(loop, settings_),
      filesystem_(settings_, pool_),
      files_(settings_),
      ports_(loop, [this] { return !processes().running().empty(); }),
      ports_service_(ports_) {
  processes_.add_to(router_);
  filesystem_.add_to(router_);
  ports_service_.add_to(router_);
}

bool GuestServer::is_allowed(const net::Request& request) const {
  if (settings_.token.empty()) return true;
  if (request.method() == "GET" && request.path() == "/health") return true;
  return settings_.token.equals(request.headers().find("x-access-token").value_or(""));
}

Task<base::Result<void>> GuestServer::refuse(const net::Request& request,
                                             net::ResponseWriter& response) {
  const base::Error error(Code::kUnauthenticated,
                          "unauthorized access, please provide a valid access token");
  if (!router_.owns(request.path())) co_return co_await send_http_error(response, 401, error);
  const std::string body = connect::error_json(error);
  co_return co_await response.send(401, net::Headers().with("Content-Type", "application/json"),
                                   body);
}

Task<base::Result<void>> GuestServer::handle(net::Request& request, net::ResponseWriter& response) {
  const HeapTrimmer::Use use(heap_);
  if (!is_allowed(request)) co_return co_await refuse(request, response);
  const std::string_view path = request.path();
  const std::string_view method = request.method();
  if (path.starts_with("/process.Process/")) ports_.expect_change();
  if (router_.owns(path)) co_return co_await router_.handle(request, response);
  const bool is_get = method == "GET" || method == "HEAD";
  if (path == "/health" && is_get) co_return co_await send_health(response);
  if (path == "/files" && is_get) co_return co_await files_.get(request, response);
  if (path == "/files" && method == "POST") co_return co_await files_.post(request, response);
  if (path == "/init" && method == "POST") co_return co_await init(request, response);
  if (path == "/envs" && is_get) co_return co_await list_env(response);

  const bool is_known = path == "/health" || path == "/files" || path == "/init" || path == "/envs";
  const base::Error error(Code::kNotFound,
                          is_known ? "this route has other methods" : "there is no such route");
  co_return co_await send_http_error(response, is_known ? 405 : 404, error);
}

Task<base::Result<void>> GuestServer::init(net::Request& request, net::ResponseWriter& response) {
  const auto message = co_await read_init(request);
  if (!message) {
    co_return co_await send_http_error(response, connect::http_status(message.error().code),
                                       message.error());
  }
  const auto applied = apply_init(*message, settings_);
  if (!applied) {
    const bool is_bad = applied.error().code == Code::kInvalidArgument;
    co_return co_await send_http_error(response, is_bad ? 400 : 500, applied.error());
  }
  co_return co_await response.send(204, {}, "");
}

Task<base::Result<void>> GuestServer::list_env(net::ResponseWriter& response) {
  google::protobuf::Struct env;
  for (const auto& [name, value] : settings_.env) {
    (*env.mutable_fields())[name].set_string_value(to_text(value));
  }
  co_return co_await send_json(response, env);
}

}  // namespace wrenn::envd
