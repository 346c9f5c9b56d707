#include "control/api/auth.h"

#include "base/strings.h"

namespace wrenn::control {

Answer<base::Secret> key_of(const net::Headers& headers) {
  if (const auto key = headers.find("x-api-key"); key && !key->empty()) {
    return base::Secret(std::string(*key));
  }
  constexpr std::string_view kScheme = "bearer ";
  if (const auto value = headers.find("authorization");
      value && base::equal_ignore_case(value->substr(0, kScheme.size()), kScheme)) {
    return base::Secret(std::string(base::trim(value->substr(kScheme.size()))));
  }
  return refuse(ApiCode::kUnauthorized,
                "an API key is needed: send it in the X-API-Key header (a user's access token in "
                "Authorization: Bearer); "
                "`wrenn-cp key create --name NAME` makes one");
}

std::string_view scope_of(std::string_view method, std::string_view path) {
  // A terminal or a command over a WebSocket begins with a GET, and changes what there is.
  const bool is_socket = path.ends_with("/pty") || path.ends_with("/stream");
  const bool is_read = (method == "GET" || method == "HEAD") && !is_socket;
  const auto is_below = [path](std::string_view root) {
    return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
  };
  if (is_below("/v1/capsules")) return is_read ? "sandboxes:read" : "sandboxes:write";
  if (is_below("/v1/quota") || is_below("/v1/events")) return "sandboxes:read";
  if (is_below("/v1/snapshots")) return is_read ? "templates:read" : "templates:write";
  if (is_below("/v1/builds")) return is_read ? "templates:read" : "templates:write";
  if (is_below("/v1/hosts")) return is_read ? "hosts:read" : "hosts:write";
  return {};
}

std::string client_address(const std::string& peer, const net::Headers& headers) {
  constexpr std::size_t kLongest = 45;  // Of IPv6, with IPv4 in it.
  constexpr std::string_view kCharacters = "0123456789abcdefABCDEF.:";
  if (!peer.starts_with("127.") && peer != "::1") return peer;
  const auto chain = headers.find("x-forwarded-for").value_or("");
  const auto last = base::trim(base::split(chain, ',').back());
  const bool is_address = !last.empty() && last.size() <= kLongest &&
                          last.find_first_not_of(kCharacters) == std::string_view::npos;
  return is_address ? std::string(last) : peer;
}

bool has_credentials(const net::Headers& headers) {
  const auto key = headers.find("x-api-key");
  return (key && !key->empty()) || headers.find("authorization").has_value();
}

ApiError invalid_key() {
  return {ApiCode::kUnauthorized,
          "the API key is not valid: it is mistyped or was revoked; "
          "`wrenn-cp key create --name NAME` makes a new one"};
}

}  // namespace wrenn::control
