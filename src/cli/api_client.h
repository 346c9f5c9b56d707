// ApiClient: the control plane's REST API, with the key, and with errors that say what to do next.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/time.h"
#include "cli/api_url.h"
#include "cli/config.h"
#include "net/http_client.h"
#include "net/websocket_client.h"

namespace wrenn::cli {

inline constexpr base::Duration kUsualPatience = std::chrono::minutes(5);

// The error in a reply that is no success: {"error":{"code","message"}}, or whatever came instead.
base::Error api_error(int status, std::string_view body);

// For one loop.
class ApiClient {
 public:
  // Resolves the host, blocking. `patience`: from the end of a request to the head of its reply.
  static base::Result<std::unique_ptr<ApiClient>> create(const Settings& settings,
                                                         base::Duration patience);

  // The whole reply of a call that succeeded. `body` is JSON, or empty for none.
  net::Task<base::Result<std::string>> call(std::string method, std::string path,
                                            std::string body = {});
  // A list that may come in pages: all of them, as one JSON array.
  net::Task<base::Result<std::string>> list(std::string path);
  // The reply to a request whose body or reply is a stream; the status is a success. The target is
  // below the API's own prefix.
  net::Task<base::Result<net::ClientResponse>> send(net::ClientRequest request);

  // A WebSocket of the API; the errors are those of a call.
  net::Task<base::Result<std::unique_ptr<net::ClientWebSocket>>> open_socket(std::string path);

  const std::string& url() const { return url_text_; }

 private:
  ApiClient(const Settings& settings, ApiUrl url, net::Endpoint endpoint, base::Duration patience);
  base::Error explain(base::Error error) const;

  const std::string url_text_;
  const base::Secret key_;
  const ApiUrl url_;
  net::HttpClient http_;
};

}  // namespace wrenn::cli
