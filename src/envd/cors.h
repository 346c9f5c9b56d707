// What lets a web page of any origin talk to the agent: whether it may is for the token to say.
#pragma once

#include "net/http_server.h"

namespace wrenn::envd {

// For every answer to a request that comes from a page.
void allow_any_origin(const net::Request& request, net::ResponseWriter& response);
// The answer to OPTIONS, which browsers ask before the request itself.
net::Task<base::Result<void>> send_preflight(const net::Request& request,
                                             net::ResponseWriter& response);

}  // namespace wrenn::envd
