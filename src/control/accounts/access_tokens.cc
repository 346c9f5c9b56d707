#include "control/accounts/access_tokens.h"

#include <algorithm>

#include <boost/json.hpp>

#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::control {
namespace {

namespace json = boost::json;

using base::concat;
using base::Result;

constexpr std::string_view kAlgorithm = "HS256";
constexpr std::string_view kIssuer = "wrenn";
constexpr std::string_view kSecretPrefix = "access-token/";
constexpr std::size_t kMaxToken = 4096;

std::unexpected<base::Error> not_valid() {
  return base::fail(base::Code::kUnauthenticated, "the access token is not valid");
}

std::string to_base64url(std::string_view bytes) {
  std::string text = base::to_base64(bytes);
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  while (text.ends_with('=')) text.pop_back();
  return text;
}

// "2026-11": the month a token is issued in names its key.
std::string key_id_at(std::int64_t unix_ms) {
  return base::rfc3339(unix_ms).substr(0, 7);
}
std::string earlier_key_id(std::int64_t unix_ms) {
  const std::chrono::sys_days day{std::chrono::floor<std::chrono::days>(
      std::chrono::sys_time<std::chrono::milliseconds>(std::chrono::milliseconds(unix_ms)))};
  const std::chrono::year_month_day date(day);
  const std::chrono::sys_days first{date.year() / date.month() / std::chrono::day(1)};
  return key_id_at(std::chrono::milliseconds(first.time_since_epoch()).count() - 1);
}

std::string text_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(*text);
}

std::optional<json::object> read_part(std::string_view part) {
  const auto bytes = base::from_any_base64(part);
  if (!bytes) return std::nullopt;
  boost::system::error_code error;
  const auto value = json::parse(*bytes, error);
  if (error || !value.is_object()) return std::nullopt;
  return value.get_object();
}

}  // namespace

bool looks_like_access_token(std::string_view text) {
  return std::ranges::count(text, '.') == 2;
}

Result<base::Secret> AccessTokens::issue(AccessClaims& claims) {
  const std::int64_t now = clock_();
  const std::string key_id = key_id_at(now);
  WRENN_TRY_ASSIGN(const base::Secret secret, key(key_id));
  const std::int64_t issued = now / 1000;
  const std::int64_t expires = issued + kAccessTokenMs / 1000;
  claims.expires_at = expires * 1000;
  const json::object header{{"alg", kAlgorithm}, {"typ", "JWT"}, {"kid", key_id}};
  const json::object payload{{"iss", kIssuer},
                             {"sub", claims.user_id},
                             {"sid", claims.session_id},
                             {"team_id", claims.team_id},
                             {"iat", issued},
                             {"exp", expires}};
  const std::string text =
      concat(to_base64url(json::serialize(header)), ".", to_base64url(json::serialize(payload)));
  return base::Secret(concat(text, ".", to_base64url(base::hmac_sha256(secret.reveal(), text))));
}

Result<AccessClaims> AccessTokens::verify(std::string_view token) {
  if (token.size() > kMaxToken || !looks_like_access_token(token)) return not_valid();
  const auto parts = base::split(token, '.');
  const auto header = read_part(parts[0]);
  if (!header || text_of(*header, "alg") != kAlgorithm) return not_valid();
  const std::int64_t now = clock_();
  const std::string key_id = text_of(*header, "kid");
  if (key_id != key_id_at(now) && key_id != earlier_key_id(now)) return not_valid();
  WRENN_TRY_ASSIGN(const base::Secret secret, key(key_id));
  const std::string expected = to_base64url(
      base::hmac_sha256(secret.reveal(), token.substr(0, parts[0].size() + 1 + parts[1].size())));
  if (!base::constant_time_equal(expected, parts[2])) return not_valid();

  const auto payload = read_part(parts[1]);
  if (!payload || text_of(*payload, "iss") != kIssuer) return not_valid();
  AccessClaims claims{.user_id = text_of(*payload, "sub"),
                      .session_id = text_of(*payload, "sid"),
                      .team_id = text_of(*payload, "team_id")};
  const auto* expires = payload->if_contains("exp");
  if (expires == nullptr || !expires->is_int64()) return not_valid();
  claims.expires_at = expires->get_int64() * 1000;
  if (claims.expires_at <= now) {
    return base::fail(base::Code::kUnauthenticated, "the access token has expired");
  }
  return claims;
}

Result<base::Secret> AccessTokens::key(const std::string& key_id) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = keys_.find(key_id); found != keys_.end()) return found->second;
  }
  WRENN_TRY_ASSIGN(auto secret, secrets_(concat(kSecretPrefix, key_id)));
  const std::lock_guard lock(mutex_);
  return keys_.insert_or_assign(key_id, std::move(secret)).first->second;
}

}  // namespace wrenn::control
