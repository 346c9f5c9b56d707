// IdentityProvider: somebody else's service that says who a person is, by the authorization code
// flow of OAuth 2.0 (RFC 6749 section 4.1) with PKCE (RFC 7636). Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace wrenn::control {

// Who somebody is there.
struct Profile {
  std::string id;     // Never given to anybody else.
  std::string email;  // Shown to be theirs; empty when none is.
  std::string name;   // What they like to be called.
  std::string login;  // Their short name.
};

struct AuthorizationRequest {
  std::string redirect_uri;  // Where the browser comes back.
  std::string state;
  std::string code_challenge;  // S256
};

struct AuthorizationCode {
  base::Secret code;
  base::Secret verifier;  // What the challenge was made of.
  std::string redirect_uri;
};

class IdentityProvider {
 public:
  virtual ~IdentityProvider() = default;
  // "github": part of addresses, and what identities are kept under.
  virtual std::string_view name() const = 0;
  // Where the browser is sent.
  virtual std::string authorization_url(const AuthorizationRequest& request) const = 0;
  // Blocking: calls the service. Its errors hold nothing secret.
  virtual base::Result<Profile> identify(const AuthorizationCode& code) const = 0;
};

}  // namespace wrenn::control
