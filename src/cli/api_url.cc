#include "cli/api_url.h"

#include "base/strings.h"
#include "net/endpoint.h"

namespace wrenn::cli {
namespace {

std::unexpected<base::Error> bad_url(std::string_view text, std::string_view why) {
  return base::fail(base::Code::kInvalidArgument,
                    base::concat("the API address '", text, "' ", why),
                    "write it like http://127.0.0.1:8080");
}

bool is_host(std::string_view host) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:";
  return !host.empty() && host.find_first_not_of(kAllowed) == std::string_view::npos;
}

bool is_path(std::string_view path) {
  for (const char c : path) {
    if (c <= ' ' || c == 0x7F || c == '?' || c == '#') return false;
  }
  return true;
}

}  // namespace

base::Result<ApiUrl> ApiUrl::parse(std::string_view text) {
  constexpr std::string_view kScheme = "http://";
  if (text.starts_with("https://")) {
    return bad_url(text, "uses TLS: only http:// addresses are supported");
  }
  if (!text.starts_with(kScheme)) return bad_url(text, "does not begin with http://");
  std::string_view rest = text.substr(kScheme.size());
  ApiUrl url;
  if (const auto slash = rest.find('/'); slash != std::string_view::npos) {
    url.base_path = rest.substr(slash);
    rest = rest.substr(0, slash);
    while (url.base_path.ends_with('/')) url.base_path.pop_back();
  }
  if (!is_path(url.base_path)) return bad_url(text, "has a path that cannot be sent");

  std::string_view port;
  bool has_port = false;
  if (rest.starts_with('[')) {
    const auto close = rest.find(']');
    if (close == std::string_view::npos) return bad_url(text, "has no closing bracket");
    url.host = rest.substr(1, close - 1);
    rest = rest.substr(close + 1);
    has_port = rest.starts_with(':');
    if (!rest.empty() && !has_port) return bad_url(text, "has something after the bracket");
    if (has_port) port = rest.substr(1);
  } else {
    const auto colon = rest.find(':');
    has_port = colon != std::string_view::npos;
    url.host = rest.substr(0, colon);
    if (has_port) port = rest.substr(colon + 1);
  }
  if (!is_host(url.host)) return bad_url(text, "has no host that can be used");
  if (has_port) {
    const auto number = base::parse_int<std::uint16_t>(port);
    if (!number || *number == 0) return bad_url(text, "has no port between 1 and 65535");
    url.port = *number;
  }
  return url;
}

std::string ApiUrl::authority() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  const std::string name = is_ipv6 ? base::concat('[', host, ']') : host;
  return port == 80 ? name : base::concat(name, ':', port);
}

bool ApiUrl::is_loopback() const {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

base::Result<std::string> url_of_listener(std::string_view endpoint) {
  const auto parsed = net::Endpoint::parse(endpoint);
  if (!parsed || parsed->is_unix() || parsed->port() == 0) {
    return base::fail(base::Code::kInvalidArgument,
                      base::concat("cannot listen on '", endpoint, "'"),
                      "give an address and a port, e.g. 127.0.0.1:8080 or [::1]:8080");
  }
  const std::string text = parsed->to_string();
  std::string host = text.substr(0, text.rfind(':'));
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "[::]") host = "[::1]";
  return base::concat("http://", host, ':', parsed->port());
}

}  // namespace wrenn::cli
