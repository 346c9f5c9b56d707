#include "control/api/oauth_routes.h"

#include <boost/json.hpp>

#include "base/log.h"
#include "base/strings.h"
#include "control/api/audit.h"
#include "control/api/login_routes.h"
#include "control/api/on_pool.h"
#include "control/api/requests.h"
#include "control/services.h"

namespace wrenn::control {
namespace {

using base::concat;
using base::percent_encode;
using net::Task;
namespace json = boost::json;

using Finished = std::expected<OAuthDone, OAuthFailure>;

bool is_https(const Services& services) {
  return services.provider_logins.settings().api_url.starts_with("https:");
}

// With this prefix no other host of the domain, as that of a sandbox's port, can set it.
std::string cookie_name(const Services& services) {
  return is_https(services) ? "__Host-wrenn_oauth" : "wrenn_oauth";
}

// Lax: it has to come along when the provider sends the browser back.
std::string cookie_text(const Services& services, std::string_view value, std::int64_t max_age) {
  return concat(cookie_name(services), '=', value, "; Path=/; Max-Age=", max_age,
                "; HttpOnly; SameSite=Lax", is_https(services) ? "; Secure" : "");
}

std::string start_cookie(const Services& services, const OAuthStart& start) {
  return cookie_text(services, start.cookie.reveal(), kOAuthStateMs / 1000);
}

Task<Answer<void>> redirect(Call& call, std::string to, std::vector<std::string> cookies) {
  net::Headers fields = call.headers("");
  fields.add("Location", to);
  for (const std::string& cookie : cookies) fields.add("Set-Cookie", cookie);
  co_return client_answer(co_await call.response().send(302, fields, ""));
}

OAuthReturn returned(const Services& services, Call& call) {
  const std::string_view query = call.request().query();
  OAuthReturn back{.state = query_parameter(query, "state"),
                   .code = base::Secret(query_parameter(query, "code")),
                   .error = query_parameter(query, "error"),
                   .cookies = {}};
  for (const auto cookie : net::cookies_named(call.request().headers(), cookie_name(services))) {
    back.cookies.emplace_back(cookie);
  }
  return back;
}

// Where on the dashboard the browser goes on.
std::string page_after(const Services& services, std::string_view provider, const Finished& end) {
  const std::string& base = services.provider_logins.settings().dashboard_url;
  const OAuthIntent intent = end ? end->intent : end.error().intent;
  const std::string name = percent_encode(provider);
  if (intent == OAuthIntent::kLink) {
    return concat(base, "/dashboard/settings?",
                  end ? concat("connected=", name) : concat("connect_error=", end.error().code));
  }
  const std::string page = concat(base, "/auth/", name, "/callback");
  if (!end) return concat(page, "?error=", end.error().code);
  return end->is_new ? concat(page, "?new_signup=1") : page;
}

Caller caller_of(const OAuthDone& done) {
  return {.kind = Caller::Kind::kUser,
          .team_id = done.team_id,
          .id = done.user.id,
          .name = done.user.name,
          .scopes = {},
          .email = done.user.email,
          .session_id = {}};
}

// The route is one for three things, so that it writes into the log of changes itself.
void audit_end(Services& services, Call& call, const Finished& end) {
  Answer<void> answer;
  if (end) {
    call.set_caller(caller_of(*end));
  } else {
    base::log_info("a login by way of a provider was refused", {{"code", end.error().code}});
    answer = refuse(end.error().code == "db_error" ? ApiCode::kDbError : ApiCode::kUnauthorized,
                    std::string(end.error().code));
  }
  const OAuthIntent intent = end ? end->intent : end.error().intent;
  if (intent == OAuthIntent::kLink) {
    audit(services, call, changes_quietly("provider.connect", "provider"), answer);
  } else if (end && end->is_new) {
    call.set_resource_id(end->user.id);
    audit(services, call, changes_quietly("user.sign_up", "user"), answer);
  } else {
    audit(services, call, changes_quietly("session.log_in", "session"), answer);
  }
}

}  // namespace

Task<Answer<void>> list_providers(Services& services, Call& call) {
  json::array providers;
  for (const auto& name : services.provider_logins.names()) providers.emplace_back(name);
  return call.send_json(200, json::serialize(json::object{{"providers", std::move(providers)}}));
}

Task<Answer<void>> go_to_provider(Services& services, Call& call) {
  const std::string_view query = call.request().query();
  const bool is_sign_up = query_parameter(query, "intent") == "signup";
  OAuthWish wish{.intent = is_sign_up ? OAuthIntent::kSignUp : OAuthIntent::kLogIn};
  if (is_sign_up) wish.invitation = query_parameter(query, "invitation");
  API_CO_TRY_ASSIGN(const OAuthStart start, co_await on_pool(services.database_pool, [&] {
                      return services.provider_logins.begin(call.param(0), wish);
                    }));
  std::vector<std::string> cookies = {start_cookie(services, start)};
  co_return co_await redirect(call, start.url, std::move(cookies));
}

Task<Answer<void>> come_from_provider(Services& services, Call& call) {
  const std::string provider = call.param(0);
  const OAuthReturn back = returned(services, call);
  const db::SessionOrigin origin = origin_of(call);
  auto on_thread = co_await on_pool(services.provider_pool, [&]() -> Answer<Finished> {
    return services.provider_logins.finish(provider, back, origin);
  });
  Finished end = std::unexpected(OAuthFailure{OAuthIntent::kLogIn, "internal_error"});
  if (on_thread) end = *std::move(on_thread);
  audit_end(services, call, end);
  std::vector<std::string> cookies = {cookie_text(services, "", 0)};
  if (end && !end->login.refresh_token.empty()) {
    cookies.push_back(session_cookie(services, end->login));
  }
  co_return co_await redirect(call, page_after(services, provider, end), std::move(cookies));
}

Task<Answer<void>> connect_provider(Services& services, Call& call) {
  const OAuthWish wish{.intent = OAuthIntent::kLink,
                       .user_id = call.caller().id,
                       .session_id = call.caller().session_id};
  API_CO_TRY_ASSIGN(const OAuthStart start, co_await on_pool(services.database_pool, [&] {
                      return services.provider_logins.begin(call.param(0), wish);
                    }));
  co_return co_await call.send_json(
      200, json::serialize(json::object{{"auth_url", start.url}}),
      net::Headers().with("Set-Cookie", start_cookie(services, start)));
}

Task<Answer<void>> disconnect_provider(Services& services, Call& call) {
  API_CO_TRY(co_await on_pool(services.database_pool, [&] {
    return services.provider_logins.unlink(call.caller().id, call.param(0));
  }));
  co_return co_await call.send_empty(204);
}

}  // namespace wrenn::control
