// Any bytes: decoded or refused within the limit, and what was packed comes back.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "net/gzip.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  constexpr std::size_t kLimit = 1u << 20;
  const auto decoded = wrenn::net::gunzip(input, kLimit);
  if (decoded && decoded->size() > kLimit) std::abort();
  if (wrenn::net::gunzip(wrenn::net::gzip(input), size).value_or("?") != input) std::abort();
  return 0;
}
