// What a browser carries while its user is at a provider of identity: for what they went, sealed so
// that nobody can write another. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"

namespace wrenn::control {

inline constexpr std::int64_t kOAuthStateMs = 10 * 60 * 1000;

enum class OAuthIntent : std::uint8_t { kLogIn, kSignUp, kLink };

struct OAuthState {
  std::string provider = {};
  OAuthIntent intent = OAuthIntent::kLogIn;
  std::string invitation = {};  // Of a sign-up: 64 hexadecimal digits, or empty.
  std::string user_id = {};     // Whom to link, and the session that asked for it; else empty.
  std::string session_id = {};
  std::int64_t expires_at = 0;  // Milliseconds since 1970.
  std::string nonce = {};       // What the provider gets to see, and brings back.
};

// For a cookie. No field may have a '.' in it.
std::string seal(const OAuthState& state, const base::Secret& key);
// Nothing for what was not sealed with the key, and for what has expired by `now`.
std::optional<OAuthState> open_state(std::string_view text, const base::Secret& key,
                                     std::int64_t now);

// PKCE: the verifier belongs to the nonce, so that it need not be kept. 43 characters.
base::Secret pkce_verifier(std::string_view nonce, const base::Secret& key);
std::string pkce_challenge(const base::Secret& verifier);

}  // namespace wrenn::control
