// The header fields that a proxy passes on (RFC 9110 section 7.6). Pure and thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/headers.h"
#include "proxy/rewrite.h"

namespace wrenn::proxy {

// What opens the door to the application is not the application's to see.
struct Credentials {
  std::vector<std::string> fields;
  std::vector<std::string> cookies;
};

// True when the message asks for another protocol on its connection (RFC 9110 section 7.8).
bool is_upgrade(const net::Headers& headers);

// For the application. Left out: what concerns one connection only, how the body is framed,
// credentials, and everything a client may pretend about itself: X-Forwarded-*, Forwarded,
// X-Real-IP. Added: Host, and X-Forwarded-For, -Host, -Proto and, in the path form, -Prefix.
// `client`: the address of the peer as text. An upgrade stays one.
net::Headers request_fields(const net::Headers& fields, const Rewriter& rewriter,
                            std::string_view client, const Credentials& credentials);

// For the client, with its addresses rewritten. `status` 101 keeps the upgrade.
net::Headers response_fields(const net::Headers& fields, int status, const Rewriter& rewriter);

// Between two proxies of ours, where nothing is rewritten: all but what concerns one connection.
// In a response kFaultField is left out: it is for the proxy to say.
net::Headers onward_fields(const net::Headers& fields);
net::Headers returned_fields(const net::Headers& fields, int status);

// Those that may stand behind a body (RFC 9110 section 6.5.1).
net::Headers trailer_fields(const net::Headers& fields);

}  // namespace wrenn::proxy
