// Who is calling: the API key or access token of a request, and what a key may be good for. Pure
// and thread-safe.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "control/api/errors.h"
#include "net/headers.h"

namespace wrenn::control {

// An API key from X-API-Key, or else a key or access token from Authorization: Bearer.
// kUnauthorized when there is none.
Answer<base::Secret> key_of(const net::Headers& headers);

// What API keys can be limited to.
inline constexpr std::array<std::string_view, 6> kScopes = {"sandboxes:read", "sandboxes:write",
                                                            "templates:read", "templates:write",
                                                            "hosts:read",     "hosts:write"};
// The one that a request needs; empty for what no key with scopes is good for.
std::string_view scope_of(std::string_view method, std::string_view path);

// Where a request came from: `peer`, or what a reverse proxy on this machine says of it (the last
// entry of X-Forwarded-For, which the proxy added). Who is here already may say what they like.
std::string client_address(const std::string& peer, const net::Headers& headers);

// True when the headers hold credentials of any kind, right or wrong.
bool has_credentials(const net::Headers& headers);

// The error for a key that is not valid, whatever is wrong with it.
ApiError invalid_key();

}  // namespace wrenn::control
