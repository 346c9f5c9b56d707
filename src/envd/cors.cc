#include "envd/cors.h"

namespace wrenn::envd {

void allow_any_origin(const net::Request& request, net::ResponseWriter& response) {
  if (!request.headers().find("origin")) return;
  response.add_field("Access-Control-Allow-Origin", "*");
  if (request.method() == "OPTIONS") return;
  response.add_field("Access-Control-Expose-Headers",
                     "Accept-Ranges, Cache-Control, Content-Disposition, Content-Encoding, "
                     "Content-Length, Content-Range, ETag, Last-Modified, Location, "
                     "X-Content-Type-Options, X-Envd-Version");
}

net::Task<base::Result<void>> send_preflight(const net::Request& request,
                                             net::ResponseWriter& response) {
  // A "*" would not cover Authorization.
  const std::string_view wanted =
      request.headers().find("access-control-request-headers").value_or("*, Authorization");
  co_return co_await response.send(
      204,
      net::Headers()
          .with("Access-Control-Allow-Methods", "HEAD, GET, POST, PUT, PATCH, DELETE")
          .with("Access-Control-Allow-Headers", wanted)
          .with("Access-Control-Max-Age", "7200")
          .with("Vary", "Access-Control-Request-Headers"),
      "");
}

}  // namespace wrenn::envd
