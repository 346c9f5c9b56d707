// ControlPlaneClient: what a registered host tells the API of its control plane, by http or https.
// Blocking, thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::agent {

struct ControlPlaneReply {
  int status = 0;
  std::string body;  // At most 64 KiB of it.
};

class ControlPlaneClient {
 public:
  // "https://wrenn.example.com" or "http://10.0.0.1:8080". kInvalidArgument for anything else.
  static base::Result<ControlPlaneClient> create(std::string url);

  // Any status is a reply, within 15 s. kUnavailable when there is none; the message says why, and
  // has nothing of the body. `signature`: the value of net::kSignatureField, or empty.
  base::Result<ControlPlaneReply> post(std::string_view path, std::string_view body,
                                       std::string_view signature = {}) const;
  const std::string& url() const { return url_; }

 private:
  explicit ControlPlaneClient(std::string url) : url_(std::move(url)) {}
  const std::string url_;
};

// What a reply that is no success says for people.
std::string reply_text(const ControlPlaneReply& reply);

}  // namespace wrenn::agent
