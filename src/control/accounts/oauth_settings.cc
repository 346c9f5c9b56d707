#include "control/accounts/oauth_settings.h"

#include <cstdlib>

#include "base/strings.h"
#include "net/web_client.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Result;

std::unexpected<base::Error> wrong(std::string_view name, std::string_view what) {
  return base::fail(Code::kInvalidArgument, concat(name, " (or WRENN_", name, ") ", what));
}

Result<std::string> url_of(std::string_view name, std::string text) {
  while (text.ends_with('/')) text.pop_back();
  const auto checked = net::check_url(text, net::Destinations::kAny);
  if (checked && text.find_first_of("?#") == std::string::npos) return text;
  return wrong(name, "is no address like https://wrenn.example.com");
}

}  // namespace

Result<OAuthSettings> oauth_settings(const GetVariable& get, const std::string& public_url) {
  const auto value = [&get](std::string_view name, const std::string& otherwise = {}) {
    for (const std::string& full : {concat("WRENN_", name), std::string(name)}) {
      if (const auto found = get(full); found && !found->empty()) return *found;
    }
    return otherwise;
  };
  OAuthSettings settings;
  settings.github.client_id = value("OAUTH_GITHUB_CLIENT_ID");
  settings.github.client_secret = base::Secret(value("OAUTH_GITHUB_CLIENT_SECRET"));
  if (settings.github.client_id.empty() != settings.github.client_secret.empty()) {
    return wrong(
        settings.github.client_id.empty() ? "OAUTH_GITHUB_CLIENT_ID" : "OAUTH_GITHUB_CLIENT_SECRET",
        "is missing: the one is of no use without the other");
  }
  if (settings.github.client_id.empty()) return settings;
  const std::string api_url = value("CP_PUBLIC_URL", public_url);
  if (api_url.empty()) {
    return wrong("CP_PUBLIC_URL", "is missing: where GitHub sends browsers back to");
  }
  WRENN_TRY_ASSIGN(settings.api_url, url_of("CP_PUBLIC_URL", api_url));
  WRENN_TRY_ASSIGN(settings.dashboard_url,
                   url_of("OAUTH_REDIRECT_URL",
                          value("OAUTH_REDIRECT_URL", public_url.empty() ? api_url : public_url)));
  if (const auto url = get("WRENN_GITHUB_URL"); url && !url->empty()) {
    WRENN_TRY_ASSIGN(settings.github.url, url_of("GITHUB_URL", *url));
  }
  return settings;
}

Result<OAuthSettings> oauth_settings_of_environment(const std::string& public_url) {
  return oauth_settings(
      [](std::string_view name) -> std::optional<std::string> {
        const char* value = std::getenv(std::string(name).c_str());
        if (value == nullptr) return std::nullopt;
        return value;
      },
      public_url);
}

}  // namespace wrenn::control
