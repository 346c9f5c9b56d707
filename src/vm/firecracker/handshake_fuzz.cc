// What a hypervisor that was broken into tells whoever serves its page faults, the header of saved
// devices and lists of pages.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "vm/firecracker/handshake.h"
#include "vm/firecracker/saved_state.h"

using namespace wrenn::vm;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint64_t kMemoryBytes = 64ull << 20;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (const auto handshake = firecracker::parse_handshake(bytes, kMemoryBytes)) {
    std::uint64_t end = 0;
    for (const auto& region : handshake->regions) {
      if (region.offset != end) std::abort();
      end += region.bytes;
    }
    if (end != kMemoryBytes) std::abort();
  }
  const auto pages = firecracker::parse_page_list(bytes, kMemoryBytes);
  if (pages && firecracker::to_bytes(*pages) != bytes) std::abort();
  const auto state = firecracker::parse_saved_state(bytes);
  if (state && firecracker::to_bytes(*state) != bytes) std::abort();
  return 0;
}
