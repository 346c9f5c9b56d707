#include "control/api/login_routes.h"

#include "base/strings.h"
#include "base/time.h"
#include "control/api/account_replies.h"
#include "control/api/auth.h"
#include "control/api/json_fields.h"
#include "control/api/on_pool.h"
#include "control/api/requests.h"
#include "control/services.h"

namespace wrenn::control {
namespace {

using base::concat;
using net::Task;

constexpr std::string_view kCookie = "wrenn_session";
constexpr std::string_view kCookiePath = "/v1/auth";
constexpr TextRule kRequired{.presence = Presence::kRequired, .max_bytes = 1024};

std::string address_of(Call& call) {
  return client_address(call.request().stream().peer_ip(), call.request().headers());
}

std::string cookie_text(const Services& services, std::string_view value, std::int64_t max_age) {
  const bool is_secure = services.accounts.settings().public_url.starts_with("https:");
  return concat(kCookie, '=', value, "; Path=", kCookiePath, "; Max-Age=", max_age,
                "; HttpOnly; SameSite=Strict", is_secure ? "; Secure" : "");
}

Task<Answer<void>> send_login(Services& services, Call& call, int status, Login login) {
  net::Headers fields;
  if (!login.refresh_token.empty()) fields.add("Set-Cookie", session_cookie(services, login));
  co_return co_await call.send_json(status, login_json(login), std::move(fields));
}

struct Credentials {
  std::string email;
  base::Secret password;
};
Answer<Credentials> parse_credentials(std::string_view body) {
  JsonFields fields(body);
  Credentials given{.email = fields.text("email", kRequired),
                    .password = base::Secret(fields.text("password", kRequired))};
  API_TRY(fields.status());
  return given;
}

Answer<SignUp> parse_sign_up(std::string_view body) {
  JsonFields fields(body);
  SignUp wish{.email = fields.text("email", kRequired),
              .name = fields.text("name", kRequired),
              .password = base::Secret(fields.text("password", kRequired)),
              .invitation = fields.text("invitation", {})};
  API_TRY(fields.status());
  return wish;
}

struct NewPassword {
  std::string token;
  base::Secret password;
};
Answer<NewPassword> parse_new_password(std::string_view body) {
  JsonFields fields(body);
  NewPassword given{.token = fields.text("token", kRequired),
                    .password = base::Secret(fields.text("new_password", kRequired))};
  API_TRY(fields.status());
  return given;
}

}  // namespace

db::SessionOrigin origin_of(Call& call) {
  return {.user_agent = std::string(call.request().headers().find("user-agent").value_or("")),
          .address = address_of(call)};
}

std::string session_cookie(const Services& services, const Login& login) {
  const std::int64_t left = (login.refresh_expires_at - base::unix_ms_now()) / 1000;
  return cookie_text(services, login.refresh_token.reveal(), left);
}

Answer<void> check_origin(const Services& services, const net::Request& request) {
  const auto origin = request.headers().find("origin");
  if (!origin) return {};  // No browser, or a page of the same origin that asked for nothing odd.
  const auto host = request.headers().find("host").value_or("");
  const bool is_own = *origin == concat("http://", host) || *origin == concat("https://", host) ||
                      *origin == services.accounts.settings().public_url;
  if (is_own) return {};
  return refuse(ApiCode::kForbidden,
                "a page of another site may not do this; it would have to be of this address");
}

Task<Answer<void>> sign_up(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const SignUp wish, parse_sign_up(body));
  const std::string address = address_of(call);
  API_CO_TRY(co_await on_pool(services.account_pool,
                              [&] { return services.accounts.sign_up(wish, address); }));
  co_return co_await call.send_json(
      201, wish.invitation.empty()
               ? R"({"message":"a mail with a link is on its way; it activates the account"})"
               : R"({"message":"the account is active; log in"})");
}

Task<Answer<void>> activate_account(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const std::string token, parse_text(body, "token"));
  const db::SessionOrigin origin = origin_of(call);
  API_CO_TRY_ASSIGN(Login login, co_await on_pool(services.account_pool, [&] {
                      return services.accounts.activate(token, origin);
                    }));
  co_return co_await send_login(services, call, 200, std::move(login));
}

Task<Answer<void>> log_in(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const Credentials given, parse_credentials(body));
  const db::SessionOrigin origin = origin_of(call);
  API_CO_TRY_ASSIGN(Login login, co_await on_pool(services.account_pool, [&] {
                      return services.accounts.log_in(given.email, given.password, origin);
                    }));
  // Who it was is known only now; of who fails nobody may know whether there is such an account.
  call.set_caller({.kind = Caller::Kind::kUser,
                   .team_id = login.team.team.id,
                   .id = login.user.id,
                   .name = login.user.name,
                   .scopes = {},
                   .email = login.user.email,
                   .session_id = {}});
  co_return co_await send_login(services, call, 200, std::move(login));
}

Task<Answer<void>> refresh_session(Services& services, Call& call) {
  API_CO_TRY(check_origin(services, call.request()));
  const auto tokens = net::cookies_named(call.request().headers(), kCookie);
  if (tokens.empty()) {
    co_return refuse(ApiCode::kUnauthorized,
                     concat("there is no cookie ", kCookie, "; log in again"));
  }
  const std::string token(tokens.front());
  API_CO_TRY_ASSIGN(Login login, co_await on_pool(services.database_pool, [&] {
                      return services.accounts.refresh(token);
                    }));
  co_return co_await send_login(services, call, 200, std::move(login));
}

Task<Answer<void>> log_out(Services& services, Call& call) {
  API_CO_TRY(db_answer(co_await services.database_pool.run([&] {
    return services.accounts.stores().sessions.end(call.caller().id, call.caller().session_id);
  })));
  net::Headers fields = call.headers("");
  fields.add("Set-Cookie", cookie_text(services, "", 0));
  co_return client_answer(co_await call.response().send(204, fields, ""));
}

Task<Answer<void>> switch_team(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const std::string team_id, parse_text(body, "team_id"));
  API_CO_TRY_ASSIGN(Login login, co_await on_pool(services.database_pool, [&] {
                      return services.accounts.switch_team(call.caller().session_id,
                                                           call.caller().id, team_id);
                    }));
  co_return co_await send_login(services, call, 200, std::move(login));
}

Task<Answer<void>> ask_for_reset(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const std::string email, parse_text(body, "email"));
  const std::string address = address_of(call);
  API_CO_TRY(co_await on_pool(services.account_pool,
                              [&] { return services.accounts.ask_for_reset(email, address); }));
  co_return co_await call.send_empty(204);
}

Task<Answer<void>> reset_password(Services& services, Call& call) {
  API_CO_TRY_ASSIGN(const std::string body, co_await call.read_body(kMaxJsonBody));
  API_CO_TRY_ASSIGN(const NewPassword given, parse_new_password(body));
  API_CO_TRY(co_await on_pool(services.account_pool, [&] {
    return services.accounts.reset_password(given.token, given.password);
  }));
  co_return co_await call.send_empty(204);
}

}  // namespace wrenn::control
