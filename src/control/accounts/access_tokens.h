// Access tokens: what a session shows with each call, as a JSON Web Token (RFC 7519) signed by
// HMAC-SHA-256. Thread-safe; issuing and verifying may read the database once a month.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "base/time.h"
#include "db/clock.h"

namespace wrenn::control {

inline constexpr std::int64_t kAccessTokenMs = 15 * 60 * 1000;

struct AccessClaims {
  std::string user_id;          // "sub"
  std::string session_id;       // "sid"
  std::string team_id;          // The one the caller works in.
  std::int64_t expires_at = 0;  // Milliseconds since 1970; whole seconds.
};

class AccessTokens {
 public:
  // The secret of that name, as 64 hexadecimal digits, made when there is none.
  using Secrets = std::function<base::Result<base::Secret>(std::string_view name)>;

  explicit AccessTokens(Secrets secrets, db::Clock clock = base::unix_ms_now)
      : secrets_(std::move(secrets)), clock_(std::move(clock)) {}

  // Good for kAccessTokenMs; `expires_at` is set here, and told back in `claims`.
  base::Result<base::Secret> issue(AccessClaims& claims);
  // kUnauthenticated for anything but one of ours that is good at this moment. Only "HS256" is
  // read, and only the keys of this month and the last: they rotate by themselves.
  base::Result<AccessClaims> verify(std::string_view token);

 private:
  base::Result<base::Secret> key(const std::string& key_id);

  const Secrets secrets_;
  const db::Clock clock_;
  std::mutex mutex_;
  std::map<std::string, base::Secret> keys_;
};

// True for what has the form of a token: three parts.
bool looks_like_access_token(std::string_view text);

}  // namespace wrenn::control
