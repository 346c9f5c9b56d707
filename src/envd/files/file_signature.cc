#include "envd/files/file_signature.h"

#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::envd {

using base::Code;

std::string sign_file(const SignedFile& file, const base::Secret& token) {
  const bool is_read = file.operation == FileOperation::kRead;
  std::string text =
      base::concat(file.path, is_read ? ":read:" : ":write:", file.user, ":", token.reveal());
  if (file.expiration) text += base::concat(":", *file.expiration);
  std::string digest = base::to_base64(base::sha256(text));
  while (digest.ends_with('=')) digest.pop_back();
  return base::concat("v1_", digest);
}

base::Result<void> check_signature(std::string_view signature, const SignedFile& file,
                                   const base::Secret& token, std::int64_t now) {
  if (!base::constant_time_equal(signature, sign_file(file, token))) {
    return base::fail(Code::kUnauthenticated, "invalid signature");
  }
  if (file.expiration && *file.expiration < now) {
    return base::fail(Code::kUnauthenticated, "signature is already expired");
  }
  return {};
}

base::Result<std::int64_t> parse_expiration(std::string_view text) {
  if (const auto value = base::parse_int<std::int64_t>(text)) return *value;
  return base::fail(Code::kInvalidArgument, "signature_expiration must be Unix seconds");
}

}  // namespace wrenn::envd
