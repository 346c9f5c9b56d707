#include "control/api/api.h"

#include <array>
#include <exception>

#include "base/log.h"
#include "base/request_id.h"
#include "base/strings.h"
#include "base/time.h"
#include "control/api/admin.h"
#include "control/api/admin_builds.h"
#include "control/api/api_keys.h"
#include "control/api/auth.h"
#include "control/api/builds.h"
#include "control/api/channels.h"
#include "control/api/copies.h"
#include "control/api/description.h"
#include "control/api/downloads.h"
#include "control/api/events.h"
#include "control/api/exec.h"
#include "control/api/files.h"
#include "control/api/host_calls.h"
#include "control/api/hosts.h"
#include "control/api/login_routes.h"
#include "control/api/metrics.h"
#include "control/api/network.h"
#include "control/api/oauth_routes.h"
#include "control/api/own_account.h"
#include "control/api/ports.h"
#include "control/api/process_sockets.h"
#include "control/api/quotas.h"
#include "control/api/readiness.h"
#include "control/api/sandboxes.h"
#include "control/api/teams.h"
#include "control/api/templates.h"
#include "control/api/usage.h"
#include "control/web/dashboard.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;

// kKey: an API key, or a user in one of their teams. kSocket: the same, and its key may come in the
// first message of the WebSocket. kUser: no key is good for it. kAdmin: of the whole platform.
enum class Access { kOpen, kKey, kSocket, kUser, kAdmin };

struct ApiRoute {
  std::string_view method;
  std::string_view pattern;
  Access access;
  Task<Answer<void>> (*handler)(Services&, Call&);
  AuditRule audit = {};  // Of those that change something; they may be GETs of WebSockets.
};

Task<Answer<void>> health(Services&, Call& call) {
  return call.send_json(200, concat(R"({"status":"ok","version":")", WRENN_VERSION, R"("})"));
}

constexpr std::array kRoutes = {
    ApiRoute{"GET", "/health", Access::kOpen, health},
    ApiRoute{"GET", "/openapi.yaml", Access::kOpen, get_description},
    ApiRoute{"GET", "/docs", Access::kOpen, get_reference},
    ApiRoute{"GET", "/ready", Access::kOpen, get_readiness},
    ApiRoute{"POST", "/v1/capsules", Access::kKey, create_sandbox,
             changes("capsule.create", "capsule")},
    ApiRoute{"GET", "/v1/capsules", Access::kKey, list_sandboxes},
    // Before the next: they are no ids.
    ApiRoute{"GET", "/v1/capsules/stats", Access::kKey, team_stats},
    ApiRoute{"GET", "/v1/capsules/usage", Access::kKey, team_usage},
    ApiRoute{"GET", "/v1/capsules/{}", Access::kKey, get_sandbox},
    ApiRoute{"PATCH", "/v1/capsules/{}", Access::kKey, update_sandbox,
             changes("capsule.update", "capsule")},
    ApiRoute{"DELETE", "/v1/capsules/{}", Access::kKey, destroy_call,
             changes("capsule.destroy", "capsule")},
    ApiRoute{"POST", "/v1/capsules/{}/ping", Access::kKey, ping_sandbox, kRoutine},
    ApiRoute{"POST", "/v1/capsules/{}/pause", Access::kKey, pause_call,
             changes("capsule.pause", "capsule")},
    ApiRoute{"POST", "/v1/capsules/{}/resume", Access::kKey, resume_call,
             changes("capsule.resume", "capsule")},
    ApiRoute{"POST", "/v1/capsules/{}/hibernate", Access::kKey, hibernate_call,
             changes("capsule.hibernate", "capsule")},
    ApiRoute{"PUT", "/v1/capsules/{}/timeout", Access::kKey, set_timeout,
             changes("capsule.set_timeout", "capsule")},
    ApiRoute{"GET", "/v1/capsules/{}/metrics", Access::kKey, sandbox_metrics},
    ApiRoute{"POST", "/v1/capsules/{}/fork", Access::kKey, fork_sandbox,
             changes("capsule.fork", "capsule")},
    ApiRoute{"GET", "/v1/events", Access::kKey, stream_events},
    ApiRoute{"POST", "/v1/snapshots", Access::kKey, create_snapshot,
             changes("snapshot.create", "snapshot")},
    ApiRoute{"GET", "/v1/snapshots", Access::kKey, list_snapshots},
    ApiRoute{"DELETE", "/v1/snapshots/{}", Access::kKey, delete_snapshot,
             changes("snapshot.delete", "snapshot")},
    ApiRoute{"POST", "/v1/builds", Access::kKey, create_build, changes("build.create", "build")},
    ApiRoute{"GET", "/v1/builds", Access::kKey, list_builds},
    ApiRoute{"GET", "/v1/builds/{}", Access::kKey, get_build},
    ApiRoute{"POST", "/v1/builds/{}/cancel", Access::kKey, cancel_build,
             changes("build.cancel", "build")},
    ApiRoute{"GET", "/v1/builds/{}/logs", Access::kKey, build_logs},
    ApiRoute{"GET", "/v1/builds/contexts/{}", Access::kKey, find_build_context},
    ApiRoute{"PUT", "/v1/builds/contexts/{}", Access::kKey, store_build_context, kRoutine},
    ApiRoute{"PUT", "/v1/snapshots/{}/tags/{}", Access::kKey, set_template_tag,
             changes("snapshot.set_tag", "snapshot")},
    ApiRoute{"DELETE", "/v1/snapshots/{}/tags/{}", Access::kKey, remove_template_tag,
             changes("snapshot.remove_tag", "snapshot")},
    ApiRoute{"POST", "/v1/capsules/{}/exec", Access::kKey, exec_command,
             changes("capsule.exec", "capsule")},
    ApiRoute{"GET", "/v1/capsules/{}/processes", Access::kKey, list_processes},
    ApiRoute{"DELETE", "/v1/capsules/{}/processes/{}", Access::kKey, kill_process,
             changes("capsule.kill_process", "capsule")},
    ApiRoute{"GET", "/v1/capsules/{}/pty", Access::kSocket, pty_socket,
             changes("capsule.open_terminal", "capsule")},
    ApiRoute{"GET", "/v1/capsules/{}/exec/stream", Access::kSocket, exec_socket,
             changes("capsule.exec", "capsule")},
    ApiRoute{"GET", "/v1/capsules/{}/processes/{}/stream", Access::kSocket, process_socket,
             changes("capsule.connect_process", "capsule")},
    ApiRoute{"POST", "/v1/capsules/{}/files/write", Access::kKey, write_file,
             changes("capsule.write_file", "capsule")},
    ApiRoute{"POST", "/v1/capsules/{}/files/read", Access::kKey, read_file, kReads},
    ApiRoute{"POST", "/v1/capsules/{}/files/stream/write", Access::kKey, write_file_stream,
             changes("capsule.write_file", "capsule")},
    ApiRoute{"POST", "/v1/capsules/{}/files/stream/read", Access::kKey, read_file, kReads},
    ApiRoute{"POST", "/v1/capsules/{}/files/list", Access::kKey, list_dir, kReads},
    ApiRoute{"POST", "/v1/capsules/{}/files/mkdir", Access::kKey, make_dir,
             changes("capsule.make_dir", "capsule")},
    ApiRoute{"POST", "/v1/capsules/{}/files/remove", Access::kKey, remove_path,
             changes("capsule.remove_path", "capsule")},
    ApiRoute{"POST", "/v1/capsules/{}/files/move", Access::kKey, move_path,
             changes("capsule.move_path", "capsule")},
    ApiRoute{"POST", "/v1/capsules/{}/files/download-url", Access::kKey, make_download_url, kReads},
    ApiRoute{"GET", "/v1/downloads/{}", Access::kOpen, download},
    ApiRoute{"GET", "/v1/capsules/{}/ports", Access::kKey, list_ports},
    ApiRoute{"PUT", "/v1/capsules/{}/ports/{}", Access::kKey, set_port,
             changes("capsule.set_port", "capsule")},
    ApiRoute{"POST", "/v1/capsules/{}/ports/{}/url", Access::kKey, make_port_url,
             changes("capsule.make_port_url", "capsule")},
    ApiRoute{"GET", "/v1/capsules/{}/network", Access::kKey, get_network},
    ApiRoute{"PUT", "/v1/capsules/{}/network", Access::kKey, set_network,
             changes("capsule.set_network", "capsule")},

    ApiRoute{"POST", "/v1/hosts", Access::kKey, create_host,
             changes_quietly("host.create", "host")},
    ApiRoute{"GET", "/v1/hosts", Access::kKey, list_hosts},
    ApiRoute{"GET", "/v1/hosts/{}", Access::kKey, get_host},
    ApiRoute{"PATCH", "/v1/hosts/{}", Access::kKey, update_host,
             changes_quietly("host.update", "host")},
    ApiRoute{"DELETE", "/v1/hosts/{}", Access::kKey, remove_host,
             changes_quietly("host.delete", "host")},
    ApiRoute{"GET", "/v1/hosts/{}/delete-preview", Access::kKey, preview_host_removal},
    ApiRoute{"POST", "/v1/hosts/{}/token", Access::kKey, renew_host_token,
             changes_quietly("host.renew_token", "host")},
    ApiRoute{"POST", "/v1/hosts/{}/drain", Access::kKey, drain_host,
             changes_quietly("host.drain", "host")},
    ApiRoute{"DELETE", "/v1/hosts/{}/drain", Access::kKey, undrain_host,
             changes_quietly("host.undrain", "host")},
    // Of agents, which show a token, or sign with their keys.
    ApiRoute{"POST", "/v1/hosts/register", Access::kOpen, register_host,
             changes_quietly("host.register", "host")},
    ApiRoute{"POST", "/v1/hosts/{}/heartbeat", Access::kOpen, host_heartbeat, kRoutine},
    ApiRoute{"POST", "/v1/hosts/{}/certificate", Access::kOpen, renew_host_certificate,
             changes_quietly("host.renew_certificate", "host")},

    ApiRoute{"POST", "/v1/auth/signup", Access::kOpen, sign_up,
             changes_quietly("user.sign_up", "user")},
    ApiRoute{"POST", "/v1/auth/activate", Access::kOpen, activate_account,
             changes_quietly("user.activate", "user")},
    ApiRoute{"POST", "/v1/auth/login", Access::kOpen, log_in,
             changes_quietly("session.log_in", "session")},
    ApiRoute{"POST", "/v1/auth/refresh", Access::kOpen, refresh_session, kRoutine},
    ApiRoute{"POST", "/v1/auth/logout", Access::kUser, log_out,
             changes_quietly("session.log_out", "session")},
    ApiRoute{"POST", "/v1/auth/switch-team", Access::kUser, switch_team,
             changes_quietly("session.switch_team", "session")},
    ApiRoute{"GET", "/v1/auth/providers", Access::kOpen, list_providers},
    ApiRoute{"GET", "/auth/oauth/{}", Access::kOpen, go_to_provider},
    ApiRoute{"GET", "/auth/oauth/{}/callback", Access::kOpen, come_from_provider},
    ApiRoute{"GET", "/v1/auth/oauth/{}", Access::kOpen, go_to_provider},
    ApiRoute{"GET", "/v1/auth/oauth/{}/callback", Access::kOpen, come_from_provider},
    ApiRoute{"GET", "/v1/me/providers/{}/connect", Access::kUser, connect_provider},
    ApiRoute{"DELETE", "/v1/me/providers/{}", Access::kUser, disconnect_provider,
             changes_quietly("provider.disconnect", "provider")},
    ApiRoute{"GET", "/v1/me", Access::kUser, get_own_account},
    ApiRoute{"PATCH", "/v1/me", Access::kUser, rename_own_account,
             changes_quietly("user.rename", "user")},
    ApiRoute{"DELETE", "/v1/me", Access::kUser, delete_own_account,
             changes_quietly("user.delete", "user")},
    ApiRoute{"POST", "/v1/me/password", Access::kUser, change_own_password,
             changes_quietly("user.change_password", "user")},
    ApiRoute{"POST", "/v1/me/password/reset", Access::kOpen, ask_for_reset,
             changes_quietly("user.ask_for_reset", "user")},
    ApiRoute{"POST", "/v1/me/password/reset/confirm", Access::kOpen, reset_password,
             changes_quietly("user.reset_password", "user")},
    ApiRoute{"GET", "/v1/me/sessions", Access::kUser, list_own_sessions},
    ApiRoute{"DELETE", "/v1/me/sessions/{}", Access::kUser, end_own_session,
             changes_quietly("session.end", "session")},
    ApiRoute{"POST", "/v1/api-keys", Access::kUser, create_api_key,
             changes("api_key.create", "api_key")},
    ApiRoute{"GET", "/v1/api-keys", Access::kUser, list_api_keys},
    ApiRoute{"DELETE", "/v1/api-keys/{}", Access::kUser, revoke_api_key,
             changes("api_key.revoke", "api_key")},
    ApiRoute{"POST", "/v1/channels", Access::kUser, create_channel,
             changes("channel.create", "channel")},
    ApiRoute{"GET", "/v1/channels", Access::kUser, list_channels},
    ApiRoute{"GET", "/v1/channels/{}", Access::kUser, get_channel},
    ApiRoute{"PATCH", "/v1/channels/{}", Access::kUser, update_channel,
             changes("channel.update", "channel")},
    ApiRoute{"DELETE", "/v1/channels/{}", Access::kUser, remove_channel,
             changes("channel.delete", "channel")},
    ApiRoute{"PUT", "/v1/channels/{}/config", Access::kUser, set_channel_config,
             changes("channel.rotate_config", "channel")},
    ApiRoute{"POST", "/v1/channels/test", Access::kUser, try_channel_config,
             changes("channel.test", "channel")},
    ApiRoute{"POST", "/v1/channels/{}/test", Access::kUser, try_channel,
             changes("channel.test", "channel")},
    ApiRoute{"GET", "/v1/channels/{}/deliveries", Access::kUser, list_deliveries},
    ApiRoute{"POST", "/v1/channels/{}/deliveries/{}/redeliver", Access::kUser, deliver_again,
             changes("channel.redeliver", "channel")},
    ApiRoute{"GET", "/v1/teams", Access::kUser, list_teams},
    ApiRoute{"POST", "/v1/teams", Access::kUser, create_team, changes("team.create", "team")},
    ApiRoute{"GET", "/v1/teams/{}", Access::kUser, get_team},
    ApiRoute{"PATCH", "/v1/teams/{}", Access::kUser, rename_team, changes("team.rename", "team")},
    ApiRoute{"DELETE", "/v1/teams/{}", Access::kUser, delete_team, changes("team.delete", "team")},
    ApiRoute{"POST", "/v1/teams/{}/leave", Access::kUser, leave_team,
             changes("team.leave", "team")},
    ApiRoute{"POST", "/v1/teams/{}/owner", Access::kUser, hand_over_team,
             changes("team.hand_over", "team")},
    ApiRoute{"GET", "/v1/teams/{}/members", Access::kUser, list_members},
    ApiRoute{"POST", "/v1/teams/{}/members", Access::kUser, add_member,
             changes("member.add", "member", 1)},
    ApiRoute{"PATCH", "/v1/teams/{}/members/{}", Access::kUser, set_member_role,
             changes("member.set_role", "member", 1)},
    ApiRoute{"DELETE", "/v1/teams/{}/members/{}", Access::kUser, remove_member,
             changes("member.remove", "member", 1)},
    ApiRoute{"GET", "/v1/teams/{}/invitations", Access::kUser, list_invitations},
    ApiRoute{"POST", "/v1/teams/{}/invitations", Access::kUser, invite_member,
             changes("invitation.create", "invitation", 1)},
    ApiRoute{"DELETE", "/v1/teams/{}/invitations/{}", Access::kUser, withdraw_invitation,
             changes("invitation.withdraw", "invitation", 1)},
    ApiRoute{"POST", "/v1/invitations/accept", Access::kUser, accept_invitation,
             changes("invitation.accept", "invitation")},
    ApiRoute{"GET", "/v1/users/search", Access::kUser, search_users},
    ApiRoute{"GET", "/v1/audit-logs", Access::kUser, list_audit_logs},
    ApiRoute{"GET", "/v1/quota", Access::kKey, get_own_quota},
    ApiRoute{"GET", "/v1/admin/audit-logs", Access::kAdmin, list_all_audit_logs},
    ApiRoute{"GET", "/v1/admin/capsules", Access::kAdmin, list_all_sandboxes},
    ApiRoute{"DELETE", "/v1/admin/capsules/{}", Access::kAdmin, destroy_any_sandbox,
             changes_platform("capsule.destroy", "capsule")},
    ApiRoute{"GET", "/v1/admin/quota", Access::kAdmin, get_quota_of_all},
    ApiRoute{"PUT", "/v1/admin/quota", Access::kAdmin, set_quota_of_all,
             changes_platform("quota.set", "quota")},
    ApiRoute{"DELETE", "/v1/admin/quota", Access::kAdmin, remove_quota_of_all,
             changes_platform("quota.remove", "quota")},
    ApiRoute{"GET", "/v1/admin/teams", Access::kAdmin, list_all_teams},
    ApiRoute{"DELETE", "/v1/admin/teams/{}", Access::kAdmin, delete_any_team,
             changes_platform("team.delete", "team")},
    ApiRoute{"GET", "/v1/admin/teams/{}/quota", Access::kAdmin, get_team_quota},
    ApiRoute{"PUT", "/v1/admin/teams/{}/quota", Access::kAdmin, set_team_quota,
             changes_platform("quota.set", "quota")},
    ApiRoute{"DELETE", "/v1/admin/teams/{}/quota", Access::kAdmin, remove_team_quota,
             changes_platform("quota.remove", "quota")},
    ApiRoute{"GET", "/v1/admin/users", Access::kAdmin, list_users},
    ApiRoute{"PUT", "/v1/admin/users/{}/active", Access::kAdmin, set_user_active,
             changes_platform("user.set_active", "user")},
    ApiRoute{"PUT", "/v1/admin/teams/{}/byoc", Access::kAdmin, set_team_byoc,
             changes_platform("team.set_byoc", "team")},
    ApiRoute{"POST", "/v1/admin/builds", Access::kAdmin, create_admin_build,
             changes_platform("build.create", "build")},
    ApiRoute{"GET", "/v1/admin/builds", Access::kAdmin, list_admin_builds},
    ApiRoute{"GET", "/v1/admin/builds/{}", Access::kAdmin, get_admin_build},
    ApiRoute{"POST", "/v1/admin/builds/{}/cancel", Access::kAdmin, cancel_admin_build,
             changes_platform("build.cancel", "build")},
};

std::string_view name_of(Access access) {
  switch (access) {
    case Access::kOpen:
      return "open";
    case Access::kKey:
      return "key";
    case Access::kSocket:
      return "socket";
    case Access::kUser:
      return "user";
    case Access::kAdmin:
      break;
  }
  return "admin";
}

Answer<void> check_access(Access access, const Caller& caller) {
  const bool is_for_users = access == Access::kUser || access == Access::kAdmin;
  if (is_for_users && caller.kind != Caller::Kind::kUser) {
    return refuse(ApiCode::kForbidden,
                  "no API key is good for this, only a user's session: POST /v1/auth/login");
  }
  if (access == Access::kAdmin && !caller.is_admin) {
    return refuse(ApiCode::kForbidden, "this is for administrators of the platform");
  }
  return {};
}

constexpr std::size_t kLoggedPath = 200;

// Whoever has the address of a download can fetch it.
std::string_view loggable(std::string_view path) {
  if (path.starts_with(kDownloads)) return kDownloads;
  return path.substr(0, kLoggedPath);
}

void log_request(const Call& call, net::Request& request, int status, base::Duration took,
                 const Answer<void>& answer) {
  const bool is_probe = request.path() == "/health" || request.path() == "/ready";
  const auto level = is_probe ? base::LogLevel::kDebug : base::LogLevel::kInfo;
  base::log(level, "request",
            {{"method", request.method()},
             {"path", loggable(request.path())},
             {"status", status},
             {"ms", base::to_ms(took)},
             {"request", call.request_id()},
             {"team", call.team_id()},
             {"error", answer ? std::string() : for_log(answer.error())}});
}

}  // namespace

std::vector<RouteInfo> api_routes() {
  std::vector<RouteInfo> routes;
  for (const ApiRoute& route : kRoutes) {
    routes.push_back({route.method, route.pattern, name_of(route.access), route.audit});
  }
  return routes;
}

Api::Api(Services& services) : services_(services) {
  for (const auto& route : kRoutes) {
    routes_.add(route.method, route.pattern);
    stats_.emplace_back(route.method, route.pattern);
  }
  stats_.emplace_back("other", "other");
}

void Api::begin_shutdown() {
  shutting_down_ = true;
  services_.open_sockets.close_all();
  services_.events.streams().close_all();
}

Task<base::Result<void>> Api::handle(net::Request& request, net::ResponseWriter& response) {
  const auto began = base::steady_now();
  Call call(request, response, base::request_id_of(request.headers().find(base::kRequestIdField)));
  if (shutting_down_) response.close_after();
  const Answer<void> answer =
      co_await net::with_request_id(call.request_id(), net::with_stop(stop_.token(), serve(call)));
  if (call.is_handled()) {
    const AuditRule& rule = kRoutes.at(*call.route()).audit;
    audit(services_, call, rule, answer);
    if (!rule.action.empty()) services_.events.wake();
  }
  const base::Duration took = base::steady_now() - began;
  stats_.at(call.route().value_or(stats_.size() - 1)).count(response, took);
  log_request(call, request, response.status(), took, answer);
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
  call.set_route(lookup.match->route);
  if (route.access != Access::kOpen && route.access != Access::kSocket) {
    API_CO_TRY(co_await authenticate(call));
    API_CO_TRY(check_access(route.access, call.caller()));
  }
  call.set_params(std::move(lookup.match->params));
  call.set_handled();
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
    const net::Request& request = call.request();
    auto page = web_reply(dashboard_files(), services_.proxy_settings, request.method(),
                          request.path(), request.headers());
    if (page) {
      page->headers.add(base::kRequestIdField, call.request_id());
      co_return client_answer(
          co_await call.response().send(page->status, std::move(page->headers), page->body()));
    }
    co_return refuse(ApiCode::kNotFound,
                     "there is nothing at this address; GET /docs says what there is");
  }
  ApiError error{ApiCode::kMethodNotAllowed, concat("this address takes ", lookup.allow, " only")};
  API_CO_TRY(co_await call.send_error(error, net::Headers().with("Allow", lookup.allow)));
  co_return std::unexpected(std::move(error));
}

}  // namespace wrenn::control
