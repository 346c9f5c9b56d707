// Which providers of identity there are, as the environment says. Pure and thread-safe.
#pragma once

#include <string>

#include "base/result.h"
#include "control/accounts/github.h"
#include "control/mail/mail_settings.h"

namespace wrenn::control {

struct OAuthSettings {
  GithubSettings github;
  // How browsers see the API, and the dashboard; http or https, without a slash at the end.
  std::string api_url = "http://127.0.0.1:8080";
  std::string dashboard_url = "http://127.0.0.1:8080";
};

// WRENN_GITHUB_URL, and OAUTH_GITHUB_CLIENT_ID, OAUTH_GITHUB_CLIENT_SECRET, CP_PUBLIC_URL and
// OAUTH_REDIRECT_URL, of which the same with WRENN_ in front counts more. The last two are
// `public_url` if they are not there. kInvalidArgument names the variable that is wrong or missing.
base::Result<OAuthSettings> oauth_settings(const GetVariable& get, const std::string& public_url);
// The same, of this process. Not while another thread changes its environment.
base::Result<OAuthSettings> oauth_settings_of_environment(const std::string& public_url);

}  // namespace wrenn::control
