#include "control/accounts/provider_logins.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"
#include "control/accounts/account_fields.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;

constexpr std::string_view kStateKey = "oauth-state";
constexpr std::size_t kNonceBytes = 32;
constexpr std::size_t kInvitationDigits = 64;
constexpr std::size_t kMaxCode = 1024;

// What the page is told for an error of ours.
std::string_view code_of(const ApiError& error) {
  switch (error.code) {
    case ApiCode::kDbError:
    case ApiCode::kDbUnavailable:
      return "db_error";
    case ApiCode::kInvalidToken:
      return "invalid_invitation";
    case ApiCode::kForbidden:
      return "signup_closed";
    case ApiCode::kInvalidRequest:
      return "no_verified_email";
    default:
      return "internal_error";
  }
}

template <class T>
std::expected<T, std::string_view> coded(Answer<T> answer) {
  if (answer) {
    if constexpr (std::is_void_v<T>) {
      return {};
    } else {
      return *std::move(answer);
    }
  }
  base::log_warn("a login by way of a provider fails", {{"error", for_log(answer.error())}});
  return std::unexpected(code_of(answer.error()));
}

template <class T>
std::expected<T, std::string_view> coded(base::Result<T> result) {
  return coded(db_answer(std::move(result)));
}

bool is_invitation(std::string_view text) {
  return text.size() == kInvitationDigits && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

std::string name_of(const Profile& profile) {
  for (const std::string& name : {profile.name, profile.login}) {
    if (auto normal = normal_person_name(name)) return *std::move(normal);
  }
  return "Somebody";
}

}  // namespace

// The value, or out with the code of what went wrong.
#define CODED_TRY_ASSIGN_IMPL(result, decl, expr)        \
  auto result = (expr);                                  \
  if (!result) return ::std::unexpected(result.error()); \
  decl = std::move(*result)
#define CODED_TRY_ASSIGN(decl, expr) \
  CODED_TRY_ASSIGN_IMPL(WRENN_CONCAT(coded_r_, __COUNTER__), decl, expr)
#define CODED_TRY(expr) \
  if (auto coded_r = (expr); !coded_r) return ::std::unexpected(coded_r.error())

ProviderLogins::ProviderLogins(Accounts& accounts, AccessTokens::Secrets secrets,
                               OAuthSettings settings, db::Clock clock)
    : accounts_(accounts),
      stores_(accounts.stores()),
      secrets_(std::move(secrets)),
      settings_(std::move(settings)),
      clock_(std::move(clock)) {
  if (!settings_.github.client_id.empty()) {
    providers_.push_back(std::make_unique<Github>(settings_.github));
  }
}

std::vector<std::string> ProviderLogins::names() const {
  std::vector<std::string> names;
  for (const auto& provider : providers_) names.emplace_back(provider->name());
  return names;
}

const IdentityProvider* ProviderLogins::find(std::string_view provider) const {
  for (const auto& one : providers_) {
    if (one->name() == provider) return one.get();
  }
  return nullptr;
}

std::string ProviderLogins::redirect_uri(std::string_view provider) const {
  return concat(settings_.api_url, "/auth/oauth/", provider, "/callback");
}

Answer<OAuthStart> ProviderLogins::begin(std::string_view name, const OAuthWish& wish) {
  const IdentityProvider* const provider = find(name);
  if (provider == nullptr) return refuse(ApiCode::kNotFound, "there is no such provider here");
  if (!wish.invitation.empty() && !is_invitation(wish.invitation)) {
    return refuse(ApiCode::kInvalidToken, "'invitation' is not one that was mailed");
  }
  API_TRY_ASSIGN(const base::Secret key, db_answer(secrets_(kStateKey)));
  const OAuthState state{.provider = std::string(name),
                         .intent = wish.intent,
                         .invitation = wish.invitation,
                         .user_id = wish.user_id,
                         .session_id = wish.session_id,
                         .expires_at = clock_() + kOAuthStateMs,
                         .nonce = base::to_hex(base::random_bytes(kNonceBytes))};
  return OAuthStart{.url = provider->authorization_url(
                        {.redirect_uri = redirect_uri(name),
                         .state = state.nonce,
                         .code_challenge = pkce_challenge(pkce_verifier(state.nonce, key))}),
                    .cookie = base::Secret(seal(state, key))};
}

std::expected<OAuthDone, OAuthFailure> ProviderLogins::finish(std::string_view name,
                                                              const OAuthReturn& back,
                                                              const db::SessionOrigin& origin) {
  const auto failed = [](std::string_view code, OAuthIntent intent = OAuthIntent::kLogIn) {
    return std::unexpected(OAuthFailure{intent, code});
  };
  const auto key = coded(secrets_(kStateKey));
  if (!key) return failed(key.error());
  const IdentityProvider* const provider = find(name);
  if (provider == nullptr) return failed("invalid_state");
  for (const std::string& cookie : back.cookies) {
    const auto state = open_state(cookie, *key, clock_());
    const bool is_it =
        state && state->provider == name && base::constant_time_equal(state->nonce, back.state);
    if (!is_it) continue;
    auto done = go_on(*provider, *state, back, *key, origin);
    if (!done) return failed(done.error(), state->intent);
    return *std::move(done);
  }
  return failed("invalid_state");
}

ProviderLogins::Coded<OAuthDone> ProviderLogins::go_on(const IdentityProvider& provider,
                                                       const OAuthState& state,
                                                       const OAuthReturn& back,
                                                       const base::Secret& key,
                                                       const db::SessionOrigin& origin) {
  CODED_TRY_ASSIGN(const bool is_fresh,
                   coded(stores_.identities.use_state(state.nonce, state.expires_at)));
  if (!is_fresh) return std::unexpected("invalid_state");
  if (!back.error.empty()) return std::unexpected("access_denied");
  if (back.code.empty() || back.code.reveal().size() > kMaxCode) {
    return std::unexpected("missing_code");
  }
  CODED_TRY_ASSIGN(const Profile profile, ask(provider, state, back, key, origin.address));
  if (state.intent == OAuthIntent::kLink) return link(state, profile);
  return enter(state, profile, origin);
}

// Whoever brings codes that are no good has to wait, as who guesses passwords does: each costs a
// call, and a thread meanwhile.
ProviderLogins::Coded<Profile> ProviderLogins::ask(const IdentityProvider& provider,
                                                   const OAuthState& state, const OAuthReturn& back,
                                                   const base::Secret& key,
                                                   const std::string& address) {
  const std::string subject = concat("oauth:", address);
  CODED_TRY_ASSIGN(const std::int64_t wait, coded(stores_.failed_logins.locked_for(subject)));
  if (wait > 0) return std::unexpected("too_many_attempts");
  auto profile = provider.identify({.code = back.code,
                                    .verifier = pkce_verifier(state.nonce, key),
                                    .redirect_uri = redirect_uri(provider.name())});
  if (profile) return *std::move(profile);
  base::log_warn("a provider of identity does not say who somebody is",
                 {{"provider", provider.name()}, {"error", profile.error()}});
  CODED_TRY(coded(stores_.failed_logins.note(subject, db::kFreeFailuresPerAddress)));
  return std::unexpected("exchange_failed");
}

ProviderLogins::Coded<OAuthDone> ProviderLogins::link(const OAuthState& state,
                                                      const Profile& profile) {
  // They may have logged out, or been disabled, since they asked.
  CODED_TRY_ASSIGN(const auto sessions, coded(stores_.sessions.list(state.user_id)));
  const auto session = std::ranges::find(sessions, state.session_id, &db::UserSession::id);
  if (session == sessions.end()) return std::unexpected("invalid_state");
  CODED_TRY_ASSIGN(db::User user, coded(stores_.users.get(state.user_id)));
  if (user.status != db::UserStatus::kActive) return std::unexpected("account_deactivated");
  const auto linked = stores_.identities.link({.provider = state.provider,
                                               .provider_id = profile.id,
                                               .user_id = user.id,
                                               .email = profile.email});
  if (!linked && linked.error().code == Code::kAlreadyExists) {
    const auto known = stores_.identities.find(state.provider, profile.id);
    const bool is_theirs = known && known->user_id == user.id;
    if (!is_theirs) return std::unexpected("already_linked");
  } else {
    CODED_TRY(coded(linked));
  }
  return OAuthDone{.intent = OAuthIntent::kLink,
                   .user = std::move(user),
                   .team_id = session->team_id,
                   .is_new = false,
                   .login = {}};
}

ProviderLogins::Coded<OAuthDone> ProviderLogins::enter(const OAuthState& state,
                                                       const Profile& profile,
                                                       const db::SessionOrigin& origin) {
  OAuthDone done{.intent = state.intent, .user = {}, .team_id = {}, .is_new = false, .login = {}};
  const auto known = stores_.identities.find(state.provider, profile.id);
  if (known) {
    CODED_TRY_ASSIGN(done.user, coded(stores_.users.get(known->user_id)));
  } else if (known.error().code != Code::kNotFound) {
    return std::unexpected(coded(known).error());
  } else if (state.intent == OAuthIntent::kLogIn) {
    return std::unexpected("no_account");
  } else {
    CODED_TRY_ASSIGN(done.user, sign_up(state, profile));
    done.is_new = true;
  }
  if (done.user.status != db::UserStatus::kActive) return std::unexpected("account_deactivated");
  CODED_TRY_ASSIGN(done.login, coded(accounts_.start_session(done.user, origin)));
  done.team_id = done.login.team.team.id;
  return done;
}

ProviderLogins::Coded<db::User> ProviderLogins::sign_up(const OAuthState& state,
                                                        const Profile& profile) {
  CODED_TRY_ASSIGN(const std::string email, coded(normal_email(profile.email)));
  const std::string name = name_of(profile);
  const auto known = stores_.users.find_by_email(email);
  if (!known && known.error().code != Code::kNotFound) {
    return std::unexpected(coded(known).error());
  }
  // That the address is theirs does not say that the account is: only its owner may link it.
  if (known && known->status == db::UserStatus::kDisabled) {
    return std::unexpected("account_deactivated");
  }
  if (known && known->status != db::UserStatus::kInactive) return std::unexpected("email_taken");
  CODED_TRY(coded(accounts_.check_may_sign_up(email, state.invitation)));

  db::User user;
  if (known) {
    CODED_TRY_ASSIGN(user, take_over(*known, name));
  } else {
    auto made = stores_.users.create(
        {.email = email, .name = name, .password_hash = {}, .status = db::UserStatus::kActive});
    if (!made && made.error().code == Code::kAlreadyExists) return std::unexpected("email_taken");
    CODED_TRY_ASSIGN(user, coded(std::move(made)));
  }
  const auto linked = stores_.identities.link(
      {.provider = state.provider, .provider_id = profile.id, .user_id = user.id, .email = email});
  CODED_TRY(coded(linked));
  if (!state.invitation.empty()) {
    CODED_TRY(coded(accounts_.accept_invitation(state.invitation, user.id)));
  }
  return user;
}

// Whoever signed up with the address has not shown that it is theirs: what they chose goes, also
// what they may have chosen at this very moment.
ProviderLogins::Coded<db::User> ProviderLogins::take_over(const db::User& inactive,
                                                          const std::string& name) {
  CODED_TRY(coded(stores_.users.sign_up_again(inactive.id, name, base::Secret())));
  CODED_TRY_ASSIGN(const bool is_ours, coded(stores_.users.activate(inactive.id)));
  if (!is_ours) return std::unexpected("email_taken");
  CODED_TRY(coded(stores_.users.set_password(inactive.id, base::Secret())));
  CODED_TRY(coded(stores_.users.set_name(inactive.id, name)));
  CODED_TRY(coded(stores_.sessions.end_all(inactive.id, "")));
  return coded(stores_.users.get(inactive.id));
}

#undef CODED_TRY
#undef CODED_TRY_ASSIGN
#undef CODED_TRY_ASSIGN_IMPL

Answer<void> ProviderLogins::unlink(std::string_view user_id, std::string_view provider) {
  API_TRY_ASSIGN(const auto unlinked, db_answer(stores_.identities.unlink(user_id, provider)));
  switch (unlinked) {
    case db::Unlinked::kWasNotThere:
      return refuse(ApiCode::kNotFound, "your account is not linked to this provider");
    case db::Unlinked::kIsLastWayIn:
      return refuse(ApiCode::kLastLoginMethod,
                    "you could not log in any more; set a password first: POST /v1/me/password");
    case db::Unlinked::kDone:
      break;
  }
  return {};
}

}  // namespace wrenn::control
