// What opens a private port of a sandbox: the sandbox's traffic token, and signed preview
// addresses. Both are computed from one key of the installation, so nothing has to be kept for
// them. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "proxy/address.h"

namespace wrenn::proxy {

// The header that carries the traffic token, and the name that E2B's SDKs give it.
inline constexpr std::string_view kTrafficHeader = "X-Wrenn-Traffic-Token";
inline constexpr std::string_view kE2bTrafficHeader = "e2b-traffic-access-token";
// The query parameter of a signed address.
inline constexpr std::string_view kPreviewParameter = "wrenn_preview";

class AccessKey {
 public:
  // `key`: 32 random bytes in hexadecimal. With an empty one every token is refused.
  explicit AccessKey(base::Secret key) : key_(std::move(key)) {}

  // Opens all ports of the sandbox, and stays the same as long as the key does: 64 hexadecimal
  // digits.
  std::string traffic_token(std::string_view sandbox_id) const;
  // In constant time.
  bool is_traffic_token(std::string_view sandbox_id, std::string_view token) const;

  // Opens one port of one sandbox until that second. Digits, '.' and letters: neither a query nor
  // a cookie has to escape it.
  std::string preview_token(const PortAddress& address, std::int64_t expires_unix) const;

  // For addresses of downloads, which the API hands out: of a text, 64 hexadecimal digits.
  std::string download_signature(std::string_view text) const;
  // In constant time.
  bool is_download_signature(std::string_view text, std::string_view signature) const;

  // kExpired only for a token that was valid once.
  enum class Preview { kValid, kExpired, kInvalid };
  Preview check_preview(const PortAddress& address, std::string_view token,
                        std::int64_t now_unix) const;

 private:
  base::Secret key_;
};

// Takes the first parameter of that name out of the query of a target and returns its value, as it
// stands there; empty also for one without '='. All other bytes stay as they are:
// "/a?x=1&name=T&y=2" -> "/a?x=1&y=2", "/?name=T" -> "/".
std::optional<std::string> take_parameter(std::string& target, std::string_view name);

}  // namespace wrenn::proxy
