#include "net/signed_request.h"

#include "base/crypto.h"
#include "base/strings.h"
#include "base/time.h"
#include "net/certificates.h"

namespace wrenn::net {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::string_view kVersion = "v1";
constexpr std::size_t kMaxField = 512;

// Lines, of which none but the first can hold what the one before or after it does.
std::string signed_text(const SignedParts& request, std::int64_t signed_at) {
  return concat("wrenn request ", kVersion, "\n", request.method, "\n", request.path, "\n",
                signed_at, "\n", base::sha256_hex(request.body));
}

std::unexpected<base::Error> not_signed() {
  return base::fail(Code::kUnauthenticated,
                    concat("the request needs a signature in ", kSignatureField));
}

}  // namespace

Result<std::string> sign_request(const SignedParts& request, const base::Secret& key,
                                 std::int64_t now_ms) {
  WRENN_TRY_ASSIGN(const std::string signature, sign_message(signed_text(request, now_ms), key));
  return concat(kVersion, " ", now_ms, " ", base::to_base64(signature));
}

Result<std::int64_t> check_signed_request(const SignedParts& request, std::string_view field,
                                          std::string_view certificate, std::int64_t now_ms) {
  if (field.size() > kMaxField) return not_signed();
  const auto parts = base::split(field, ' ');
  if (parts.size() != 3 || parts[0] != kVersion) return not_signed();
  const auto signed_at = base::parse_int<std::int64_t>(parts[1]);
  const auto signature = base::from_base64(parts[2]);
  if (!signed_at || *signed_at < 0 || !signature) return not_signed();
  WRENN_TRY(check_signature(signed_text(request, *signed_at), *signature, certificate));
  const bool is_fresh =
      *signed_at > now_ms - kMaxSignatureAgeMs && *signed_at < now_ms + kMaxSignatureAgeMs;
  if (!is_fresh) {
    return base::fail(Code::kUnauthenticated,
                      concat("the request was signed at ", base::rfc3339(*signed_at),
                             ", which is too far from now"),
                      "set the clocks of both machines (timedatectl)");
  }
  return *signed_at;
}

}  // namespace wrenn::net
