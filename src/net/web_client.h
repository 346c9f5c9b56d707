// Calls to other people's services, as webhooks and providers of identity, through libcurl. What
// Wrenn's own parts say to each other goes through http_client.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "net/headers.h"

namespace wrenn::net {

// Where a call may go. An address that a user chose must not lead into the network that Wrenn
// stands in (server-side request forgery).
enum class Destinations {
  kAny,
  // https only, and only to what is_public_address() is true of. That is asked when the connection
  // is made, so that a name cannot mean one thing when it is looked at and another later.
  kPublic,
};

struct WebRequest {
  std::string method = "GET";
  std::string url;  // http or https; no user and password.
  Headers headers;
  std::string body;
};

struct WebResponse {
  int status = 0;
  Headers headers;
  std::string body;  // Its first bytes, see WebSettings.
};

struct WebSettings {
  Destinations destinations = Destinations::kPublic;
  std::chrono::milliseconds timeout{10'000};    // In all, with connecting.
  std::size_t max_body = std::size_t{1} << 20;  // Bytes; more is not read.
  std::string ca_file;                          // Trusted instead of the system's, if not empty.
};

// No redirect is followed, no proxy and no cookie used. Blocking: for a pool thread. Thread-safe.
class WebClient {
 public:
  explicit WebClient(WebSettings settings = {});

  // Whatever the status. Ends soon after a stop is asked for.
  // kInvalidArgument: not a URL that may be called. kPermissionDenied: it leads to an address that
  // is not public. kDeadlineExceeded: no answer in time. kUnavailable: anything else on the way.
  base::Result<WebResponse> call(const WebRequest& request, const std::stop_token& stop = {}) const;

 private:
  const WebSettings settings_;
};

// Whether call() would try it: well formed, of a scheme that is allowed there, without user and
// password, and, as far as the text alone says, to a public address. kInvalidArgument says why not.
base::Result<void> check_url(const std::string& url, Destinations destinations);

}  // namespace wrenn::net
