// No text but the signature itself passes, and what is signed never breaks.
#include <cstdlib>
#include <cstring>

#include "envd/files/file_signature.h"

using wrenn::envd::FileOperation;
using wrenn::envd::SignedFile;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Three texts: path, user and expiration, and what claims to be their signature.
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const auto take = [&rest] {
    const std::string_view part = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), part.size() + 1));
    return part;
  };
  SignedFile file{.path = take(), .operation = FileOperation::kRead, .user = take()};
  const auto expiration = wrenn::envd::parse_expiration(take());
  if (expiration) file.expiration = *expiration;
  const wrenn::base::Secret token("token of a sandbox");
  const std::string signature = wrenn::envd::sign_file(file, token);
  if (signature.size() != 46) std::abort();
  const std::int64_t now = 1'700'000'000;
  const bool is_timely = !file.expiration || *file.expiration >= now;
  if (check_signature(signature, file, token, now).has_value() != is_timely) std::abort();
  if (rest != signature && check_signature(rest, file, token, now)) std::abort();
  file.operation = FileOperation::kWrite;
  if (check_signature(signature, file, token, now)) std::abort();
  return 0;
}
