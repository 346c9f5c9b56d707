// Sealer: keeps values secret and whole where others may read or change them, such as in a database
// or its backups: XChaCha20-Poly1305 under one key. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace wrenn::base {

inline constexpr std::size_t kSealKeyBytes = 32;

// 32 bytes of 64 hexadecimal digits; nothing for any other text.
std::optional<Secret> seal_key_from_hex(std::string_view text);

class Sealer {
 public:
  // `key` has kSealKeyBytes.
  static Result<Sealer> create(Secret key);

  // "sealed1:" and Base64, another each time. It opens with the same context alone: the place where
  // the value belongs, such as "secrets/NAME", so that nobody can swap two of them.
  std::string seal(std::string_view value, std::string_view context) const;
  // kFailedPrecondition when it was sealed with another key or for another context, was changed
  // since, or was not sealed by this version; the remedy is the caller's.
  Result<Secret> open(std::string_view sealed, std::string_view context) const;

  // Names the key without telling anything of it: 16 hexadecimal digits, always the same.
  std::string fingerprint() const;

  // By how it begins.
  static bool is_sealed(std::string_view text);

 private:
  explicit Sealer(Secret key) : key_(std::move(key)) {}
  Secret key_;
};

}  // namespace wrenn::base
