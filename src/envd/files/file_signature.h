// Signed addresses of files (signatures v1): whoever has one reads or writes that one path without
// the sandbox's token. Pure; fuzzed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace wrenn::envd {

enum class FileOperation { kRead, kWrite };

// What a signature covers: the values as they stand in the query, "" where there is none.
struct SignedFile {
  std::string_view path;
  FileOperation operation = FileOperation::kRead;
  std::string_view user;
  std::optional<std::int64_t> expiration;  // Unix seconds.
};

// "v1_" and 43 characters of base64.
std::string sign_file(const SignedFile& file, const base::Secret& token);

// kUnauthenticated when it is not the signature of that file (found in constant time), or has
// expired at `now` (Unix seconds).
base::Result<void> check_signature(std::string_view signature, const SignedFile& file,
                                   const base::Secret& token, std::int64_t now);

// kInvalidArgument for what is not a whole number.
base::Result<std::int64_t> parse_expiration(std::string_view text);

}  // namespace wrenn::envd
