// Whatever stands in a memory map: what is accepted is written back as it was.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/crypto.h"
#include "vm/memory_map.h"

using namespace wrenn;  // NOLINT

namespace {
void check(std::string_view bytes) {
  const auto map = vm::parse_memory_map(bytes);
  if (map && vm::to_bytes(*map) != bytes) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  // Nobody guesses a checksum.
  constexpr std::size_t kChecksumBytes = 8;
  check(std::string(bytes) + base::sha256(bytes).substr(0, kChecksumBytes));
  return 0;
}
