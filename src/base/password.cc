#include "base/password.h"

#include <sodium.h>

#include <array>
#include <string>

namespace wrenn::base {

Result<Secret> hash_password(const Secret& password) {
  std::array<char, crypto_pwhash_STRBYTES> out{};
  if (crypto_pwhash_str_alg(out.data(), password.reveal().data(), password.reveal().size(),
                            crypto_pwhash_OPSLIMIT_INTERACTIVE, crypto_pwhash_MEMLIMIT_INTERACTIVE,
                            crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return fail(Code::kResourceExhausted, "not enough memory to hash a password");
  }
  return Secret(std::string(out.data()));
}

bool verify_password(const Secret& hash, const Secret& password) {
  if (hash.empty()) {
    // Who measures the time must not learn which accounts there are.
    (void)hash_password(password);
    return false;
  }
  return crypto_pwhash_str_verify(std::string(hash.reveal()).c_str(), password.reveal().data(),
                                  password.reveal().size()) == 0;
}

}  // namespace wrenn::base
