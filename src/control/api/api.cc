#include "control/api/api.h"

#include <array>
#include <exception>

#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/api/auth.h"
#include "control/api/copies.h"
#include "control/api/exec.h"
#include "control/api/files.h"
#include "control/api/metrics.h"
#include "control/api/ports.h"
#include "control/api/process_sockets.h"
#include "control/api/sandboxes.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;

// kSocket: a WebSocket, whose key may come in its first message.
enum class Access { kOpen, kKey, kSocket };

struct ApiRoute {
  std::string_view method;
  std::string_view pattern;
  Access access;
  Task<Answer<void>> (*handler)(Services&, Call&);
};

Task<Answer<void>> health(Services&, Call& call) {
  return call.send_json(200, concat("{\"status\":\"ok\",\"version\":\"", WRENN_VERSION, "\"}"));
}

constexpr std::array kRoutes = {
    ApiRoute{"GET", "/health", Access::kOpen, health},
    ApiRoute{"POST", "/v1/capsules", Access::kKey, create_sandbox},
    ApiRoute{"GET", "/v1/capsules", Access::kKey, list_sandboxes},
    ApiRoute{"GET", "/v1/capsules/{}", Access::kKey, get_sandbox},
    ApiRoute{"DELETE", "/v1/capsules/{}", Access::kKey, destroy_sandbox},
    ApiRoute{"POST", "/v1/capsules/{}/ping", Access::kKey, ping_sandbox},
    ApiRoute{"POST", "/v1/capsules/{}/pause", Access::kKey, pause_call},
    ApiRoute{"POST", "/v1/capsules/{}/resume", Access::kKey, resume_call},
    ApiRoute{"PUT", "/v1/capsules/{}/timeout", Access::kKey, set_timeout},
    ApiRoute{"GET", "/v1/capsules/{}/metrics", Access::kKey, sandbox_metrics},
    ApiRoute{"POST", "/v1/capsules/{}/fork", Access::kKey, fork_sandbox},
    ApiRoute{"POST", "/v1/snapshots", Access::kKey, create_snapshot},
    ApiRoute{"GET", "/v1/snapshots", Access::kKey, list_snapshots},
    ApiRoute{"DELETE", "/v1/snapshots/{}", Access::kKey, delete_snapshot},
    ApiRoute{"POST", "/v1/capsules/{}/exec", Access::kKey, exec_command},
    ApiRoute{"GET", "/v1/capsules/{}/processes", Access::kKey, list_processes},
    ApiRoute{"DELETE", "/v1/capsules/{}/processes/{}", Access::kKey, kill_process},
    ApiRoute{"GET", "/v1/capsules/{}/pty", Access::kSocket, pty_socket},
    ApiRoute{"GET", "/v1/capsules/{}/exec/stream", Access::kSocket, exec_socket},
    ApiRoute{"GET", "/v1/capsules/{}/processes/{}/stream", Access::kSocket, process_socket},
    ApiRoute{"POST", "/v1/capsules/{}/files/write", Access::kKey, write_file},
    ApiRoute{"POST", "/v1/capsules/{}/files/read", Access::kKey, read_file},
    ApiRoute{"POST", "/v1/capsules/{}/files/stream/write", Access::kKey, write_file_stream},
    ApiRoute{"POST", "/v1/capsules/{}/files/stream/read", Access::kKey, read_file},
    ApiRoute{"POST", "/v1/capsules/{}/files/list", Access::kKey, list_dir},
    ApiRoute{"POST", "/v1/capsules/{}/files/mkdir", Access::kKey, make_dir},
    ApiRoute{"POST", "/v1/capsules/{}/files/remove", Access::kKey, remove_path},
    ApiRoute{"GET", "/v1/capsules/{}/ports", Access::kKey, list_ports},
    ApiRoute{"PUT", "/v1/capsules/{}/ports/{}", Access::kKey, set_port},
    ApiRoute{"POST", "/v1/capsules/{}/ports/{}/url", Access::kKey, make_port_url},
};

constexpr std::size_t kLoggedPath = 200;

void log_request(const Call& call, net::Request& request, int status, base::Duration took,
                 const Answer<void>& answer) {
  const auto level = request.path() == "/health" ? base::LogLevel::kDebug : base::LogLevel::kInfo;
  base::log(level, "request",
            {{"method", request.method()},
             {"path", request.path().substr(0, kLoggedPath)},
             {"status", status},
             {"ms", base::to_ms(took)},
             {"request", call.request_id()},
             {"team", call.team_id()},
             {"error", answer ? std::string() : answer.error().message}});
}

}  // namespace

Api::Api(Services& services) : services_(services) {
  for (const auto& route : kRoutes) routes_.add(route.method, route.pattern);
}

void Api::begin_shutdown() {
  shutting_down_ = true;
  services_.open_sockets.close_all();
}

Task<base::Result<void>> Api::handle(net::Request& request, net::ResponseWriter& response) {
  const auto began = base::steady_now();
  Call call(request, response, concat("req-", base::to_hex(base::random_bytes(8))));
  if (shutting_down_) response.close_after();
  const Answer<void> answer = co_await net::with_stop(stop_.token(), serve(call));
  log_request(call, request, response.status(), base::steady_now() - began, answer);
  co_return {};
}

// Runs the request and answers for the one that failed.
Task<Answer<void>> Api::serve(Call& call) {
  Answer<void> answer;
  try {
    answer = co_await dispatch(call);
  } catch (const std::exception& e) {
    base::log_error("a request met a defect",
                    {{"request", call.request_id()}, {"what", std::string_view(e.what())}});
    answer = refuse(ApiCode::kInternalError,
                    concat("this is a defect of the control plane; its log has more under ",
                           call.request_id()));
  }
  if (answer || answer.error().code == ApiCode::kClientGone) {
    if (!answer) call.response().abort();
    co_return answer;
  }
  if (call.response().started()) {
    call.response().abort();
    co_return answer;
  }
  net::Headers extra;
  if (answer.error().code == ApiCode::kUnauthorized) extra.add("WWW-Authenticate", "Bearer");
  const auto told = co_await call.send_error(answer.error(), std::move(extra));
  if (!told) base::log_debug("an error was not read", {{"request", call.request_id()}});
  co_return answer;
}

Task<Answer<void>> Api::dispatch(Call& call) {
  API_CO_TRY(check_place(services_.proxy_settings, call.request()));
  auto lookup = routes_.find(call.request().method(), call.request().path());
  if (!lookup.match) co_return co_await refuse_route(call, lookup);
  const ApiRoute& route = kRoutes.at(lookup.match->route);
  if (route.access == Access::kKey) API_CO_TRY(co_await authenticate(call));
  call.set_params(std::move(lookup.match->params));
  Answer<void> answer = co_await route.handler(services_, call);
  const bool is_asleep = !answer && answer.error().code == ApiCode::kAsleep;
  if (!is_asleep || call.response().started()) co_return answer;
  // The host paused it by itself, and the database does not know yet.
  API_CO_TRY(co_await wake_again(services_, call));
  co_return co_await route.handler(services_, call);
}

Task<Answer<void>> Api::authenticate(Call& call) {
  API_CO_TRY_ASSIGN(base::Secret key, key_of(call.request().headers()));
  co_return co_await admit(services_, call, std::move(key));
}

Task<Answer<void>> Api::refuse_route(Call& call, const RouteLookup& lookup) {
  if (lookup.allow.empty()) {
    co_return refuse(ApiCode::kNotFound,
                     "there is nothing at this address; the API begins at /v1/capsules");
  }
  ApiError error{ApiCode::kMethodNotAllowed, concat("this address takes ", lookup.allow, " only")};
  API_CO_TRY(co_await call.send_error(error, net::Headers().with("Allow", lookup.allow)));
  co_return std::unexpected(std::move(error));
}

}  // namespace wrenn::control
