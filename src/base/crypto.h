// Random bytes, hashes and constant-time comparison, from libsodium. Thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace wrenn::base {

// From the kernel's generator.
std::string random_bytes(std::size_t count);
// The 32 raw bytes of SHA-256.
std::string sha256(std::string_view bytes);
std::string sha256_hex(std::string_view bytes);
// The same of bytes that come in parts.
class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  // In hexadecimal. Ends it: nothing else may be called afterwards.
  std::string finish_hex();

 private:
  struct State;
  struct Free {
    void operator()(State* state) const;
  };
  std::unique_ptr<State, Free> state_;
};
// The 32 raw bytes of HMAC-SHA-256 (RFC 2104), for a key of any length.
std::string hmac_sha256(std::string_view key, std::string_view message);
// Texts of different length are unequal at once; only the length can leak.
bool constant_time_equal(std::string_view a, std::string_view b);

}  // namespace wrenn::base
