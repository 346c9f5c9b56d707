// Requests that are signed with the key of a certificate: over plain HTTP, too, the server knows
// who has sent them and that nobody changed them, and no secret goes over the wire. A signature is
// good for one method, path and body, and for some minutes; that none counts twice is the server's
// care. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace wrenn::net {

// The header field it is in.
inline constexpr std::string_view kSignatureField = "X-Wrenn-Signature";
// How much the clocks of both sides may differ.
inline constexpr std::int64_t kMaxSignatureAgeMs = 5 * 60 * 1000;

struct SignedParts {
  std::string_view method;
  std::string_view path;
  std::string_view body;
};

// The field's value: "v1 MILLISECONDS BASE64".
base::Result<std::string> sign_request(const SignedParts& request, const base::Secret& key,
                                       std::int64_t now_ms);
// When it was signed. kUnauthenticated when it was not by the certificate's key, or too long ago.
base::Result<std::int64_t> check_signed_request(const SignedParts& request, std::string_view field,
                                                std::string_view certificate, std::int64_t now_ms);

}  // namespace wrenn::net
