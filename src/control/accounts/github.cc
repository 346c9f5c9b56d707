#include "control/accounts/github.h"

#include <boost/json.hpp>

#include "base/strings.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::percent_encode;
using base::Result;
namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  const json::string* const text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

bool is_true(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

// What a call that went well answered. Errors do not quote the answer, which may hold a token.
Result<json::value> parsed(const Result<net::WebResponse>& response, std::string_view what) {
  if (!response) return base::fail(base::Error(response.error()).with_context(concat(what)));
  if (response->status != 200) {
    return base::fail(Code::kUnavailable,
                      concat(what, ": GitHub answered with status ", response->status));
  }
  boost::system::error_code error;
  json::value value = json::parse(response->body, error);
  if (error) return base::fail(Code::kUnavailable, concat(what, ": GitHub's answer is no JSON"));
  return value;
}

Result<json::value> get(const net::WebClient& client, const std::string& url,
                        const base::Secret& token, std::string_view what) {
  return parsed(
      client.call({.url = url,
                   .headers = net::Headers()
                                  .with("Accept", "application/vnd.github+json")
                                  .with("User-Agent", "wrenn")
                                  .with("Authorization", concat("Bearer ", token.reveal())),
                   .body = {}}),
      what);
}

// The one they use, if GitHub has seen that it is theirs.
std::string verified_primary(const json::value& emails) {
  const json::array* const all = emails.if_array();
  if (all == nullptr) return {};
  for (const json::value& one : *all) {
    const json::object* const email = one.if_object();
    if (email != nullptr && is_true(*email, "primary") && is_true(*email, "verified")) {
      return text_of(*email, "email");
    }
  }
  return {};
}

// A token with a control character would end the header it is put into.
bool is_plain(std::string_view token) {
  return !token.empty() && net::is_token(token);
}

}  // namespace

Github::Github(GithubSettings settings)
    : settings_(std::move(settings)),
      api_url_(settings_.url == "https://github.com" ? "https://api.github.com"
                                                     : concat(settings_.url, "/api/v3")) {}

std::string Github::authorization_url(const AuthorizationRequest& request) const {
  return concat(
      settings_.url, "/login/oauth/authorize?client_id=", percent_encode(settings_.client_id),
      "&redirect_uri=", percent_encode(request.redirect_uri),
      "&scope=", percent_encode("user:email"), "&state=", percent_encode(request.state),
      "&code_challenge=", percent_encode(request.code_challenge), "&code_challenge_method=S256");
}

Result<base::Secret> Github::exchange(const AuthorizationCode& code) const {
  WRENN_TRY_ASSIGN(
      const json::value answer,
      parsed(
          client_.call(
              {.method = "POST",
               .url = concat(settings_.url, "/login/oauth/access_token"),
               .headers = net::Headers()
                              .with("Accept", "application/json")
                              .with("User-Agent", "wrenn")
                              .with("Content-Type", "application/x-www-form-urlencoded"),
               .body = concat("client_id=", percent_encode(settings_.client_id),
                              "&client_secret=", percent_encode(settings_.client_secret.reveal()),
                              "&code=", percent_encode(code.code.reveal()),
                              "&redirect_uri=", percent_encode(code.redirect_uri),
                              "&code_verifier=", percent_encode(code.verifier.reveal()))}),
          "exchange a code"));
  // A code that is not good is told with status 200, too.
  const json::object* const object = answer.if_object();
  const std::string token = object == nullptr ? "" : text_of(*object, "access_token");
  if (!is_plain(token)) {
    return base::fail(Code::kUnauthenticated, "GitHub gave no token for the code");
  }
  return base::Secret(token);
}

Result<Profile> Github::identify(const AuthorizationCode& code) const {
  WRENN_TRY_ASSIGN(const base::Secret token, exchange(code));
  WRENN_TRY_ASSIGN(const json::value user,
                   get(client_, concat(api_url_, "/user"), token, "read the profile"));
  const json::object* const object = user.if_object();
  const json::value* const id = object == nullptr ? nullptr : object->if_contains("id");
  if (id == nullptr || !id->is_int64() || id->get_int64() <= 0) {
    return base::fail(Code::kUnavailable, "read the profile: GitHub's answer has no id");
  }
  // The profile's own address may be any; only this list says which ones were verified.
  WRENN_TRY_ASSIGN(const json::value emails,
                   get(client_, concat(api_url_, "/user/emails"), token, "read the addresses"));
  return Profile{.id = std::to_string(id->get_int64()),
                 .email = verified_primary(emails),
                 .name = text_of(*object, "name"),
                 .login = text_of(*object, "login")};
}

}  // namespace wrenn::control
