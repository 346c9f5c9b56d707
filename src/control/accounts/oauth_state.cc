#include "control/accounts/oauth_state.h"

#include <array>

#include "base/crypto.h"
#include "base/strings.h"
#include "connect/base64.h"

namespace wrenn::control {
namespace {

using base::concat;

constexpr std::array<std::string_view, 3> kIntents = {"login", "signup", "link"};  // As the enum.

// Each use of the key signs something of its own form.
std::string mac_of(std::string_view use, std::string_view text, const base::Secret& key) {
  return base::hmac_sha256(key.reveal(), concat(use, ':', text));
}

}  // namespace

std::string seal(const OAuthState& state, const base::Secret& key) {
  const std::string text =
      concat(state.provider, '.', kIntents.at(static_cast<std::size_t>(state.intent)), '.',
             state.invitation, '.', state.user_id, '.', state.session_id, '.', state.expires_at,
             '.', state.nonce);
  return concat(text, '.', base::to_hex(mac_of("state", text, key)));
}

std::optional<OAuthState> open_state(std::string_view text, const base::Secret& key,
                                     std::int64_t now) {
  const auto end = text.rfind('.');
  if (end == std::string_view::npos) return {};
  const std::string_view body = text.substr(0, end);
  const std::string mac = base::to_hex(mac_of("state", body, key));
  if (!base::constant_time_equal(mac, text.substr(end + 1))) return {};
  const auto fields = base::split(body, '.');
  if (fields.size() != 7) return {};
  OAuthState state{.provider = std::string(fields[0]),
                   .invitation = std::string(fields[2]),
                   .user_id = std::string(fields[3]),
                   .session_id = std::string(fields[4]),
                   .expires_at = base::parse_int<std::int64_t>(fields[5]).value_or(0),
                   .nonce = std::string(fields[6])};
  for (std::size_t i = 0; i < kIntents.size(); ++i) {
    if (fields[1] == kIntents.at(i)) state.intent = static_cast<OAuthIntent>(i);
  }
  if (state.expires_at <= now) return {};
  return state;
}

base::Secret pkce_verifier(std::string_view nonce, const base::Secret& key) {
  return base::Secret(connect::to_url_base64(mac_of("pkce", nonce, key)));
}

std::string pkce_challenge(const base::Secret& verifier) {
  return connect::to_url_base64(base::sha256(verifier.reveal()));
}

}  // namespace wrenn::control
