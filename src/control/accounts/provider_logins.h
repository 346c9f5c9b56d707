// ProviderLogins: logging in, signing up and linking an account by way of a provider of identity.
// Blocking (it calls the provider) and thread-safe: for the accounts' pool.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/accounts/accounts.h"
#include "control/accounts/identity_provider.h"
#include "control/accounts/oauth_settings.h"
#include "control/accounts/oauth_state.h"

namespace wrenn::control {

// For what somebody goes to a provider.
struct OAuthWish {
  OAuthIntent intent = OAuthIntent::kLogIn;
  std::string invitation = {};  // Of a sign-up.
  std::string user_id = {};     // Of a link: whose account, and their session.
  std::string session_id = {};
};

struct OAuthStart {
  std::string url;  // Where the browser is to go.
  base::Secret cookie;
};

// What the browser brought back.
struct OAuthReturn {
  std::string state;
  base::Secret code;
  std::string error;                 // Of the provider.
  std::vector<std::string> cookies;  // There may be several of the name.
};

struct OAuthDone {
  OAuthIntent intent = OAuthIntent::kLogIn;
  db::User user;
  std::string team_id;  // The one they work in.
  bool is_new = false;
  Login login;  // Of a login and a sign-up.
};
struct OAuthFailure {
  OAuthIntent intent = OAuthIntent::kLogIn;
  std::string_view code;  // "access_denied" and so on, for the page that the browser comes to.
};

class ProviderLogins {
 public:
  // All outlive it. The secret that seals states is one of `secrets`.
  ProviderLogins(Accounts& accounts, AccessTokens::Secrets secrets, OAuthSettings settings,
                 db::Clock clock = base::unix_ms_now);

  const OAuthSettings& settings() const { return settings_; }
  // Of those that are on.
  std::vector<std::string> names() const;
  bool has(std::string_view provider) const { return find(provider) != nullptr; }

  // The provider must be one that is on.
  Answer<OAuthStart> begin(std::string_view provider, const OAuthWish& wish);
  // A known identity logs in, whether or not it came to sign up.
  std::expected<OAuthDone, OAuthFailure> finish(std::string_view provider, const OAuthReturn& back,
                                                const db::SessionOrigin& origin);
  // kLastLoginMethod when it would leave no way to log in; kNotFound when there is no such link.
  Answer<void> unlink(std::string_view user_id, std::string_view provider);

 private:
  // A value, or the code of what went wrong.
  template <class T>
  using Coded = std::expected<T, std::string_view>;

  const IdentityProvider* find(std::string_view provider) const;
  std::string redirect_uri(std::string_view provider) const;
  Coded<OAuthDone> go_on(const IdentityProvider& provider, const OAuthState& state,
                         const OAuthReturn& back, const base::Secret& key,
                         const db::SessionOrigin& origin);
  Coded<Profile> ask(const IdentityProvider& provider, const OAuthState& state,
                     const OAuthReturn& back, const base::Secret& key, const std::string& address);
  Coded<OAuthDone> link(const OAuthState& state, const Profile& profile);
  Coded<OAuthDone> enter(const OAuthState& state, const Profile& profile,
                         const db::SessionOrigin& origin);
  Coded<db::User> sign_up(const OAuthState& state, const Profile& profile);
  Coded<db::User> take_over(const db::User& inactive, const std::string& name);

  Accounts& accounts_;
  AccountStores& stores_;
  const AccessTokens::Secrets secrets_;
  const OAuthSettings settings_;
  const db::Clock clock_;
  std::vector<std::unique_ptr<IdentityProvider>> providers_;
};

}  // namespace wrenn::control
