// GitHub as a provider of identity: github.com, or an installation of GitHub Enterprise.
#pragma once

#include <memory>

#include "control/accounts/identity_provider.h"
#include "net/web_client.h"

namespace wrenn::control {

struct GithubSettings {
  std::string client_id;  // Empty: off.
  base::Secret client_secret;
  // Without a slash at the end. The API of github.com has a name of its own; elsewhere it is below
  // /api/v3.
  std::string url = "https://github.com";
};

class Github : public IdentityProvider {
 public:
  explicit Github(GithubSettings settings);

  std::string_view name() const override { return "github"; }
  std::string authorization_url(const AuthorizationRequest& request) const override;
  base::Result<Profile> identify(const AuthorizationCode& code) const override;

 private:
  base::Result<base::Secret> exchange(const AuthorizationCode& code) const;

  const GithubSettings settings_;
  const std::string api_url_;
  // The operator says where it is, which may well be inside.
  const net::WebClient client_{{.destinations = net::Destinations::kAny, .ca_file = {}}};
};

}  // namespace wrenn::control
