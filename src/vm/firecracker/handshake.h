// What Firecracker tells whoever serves its page faults, and lists of pages. Pure; thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wrenn::vm::firecracker {

// A part of the guest's memory as Firecracker has it mapped. In bytes, whole pages.
struct Region {
  std::uint64_t address = 0;  // In Firecracker's process.
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;  // In the guest's memory.
  bool operator==(const Region&) const = default;
};

struct Handshake {
  std::vector<Region> regions;      // By their offset; together they are the whole memory.
  std::uint64_t page_bytes = 4096;  // 4 KiB or 2 MiB.
};

inline constexpr std::size_t kMaxHandshakeBytes = 64 * 1024;
inline constexpr std::size_t kMaxRegions = 64;

// kInvalidArgument for a message that is not of this form, or of another memory.
base::Result<Handshake> parse_handshake(std::string_view message, std::uint64_t memory_bytes);

// Pages of 4 KiB, by their number in the guest's memory, in the order in which they were wanted.
using PageList = std::vector<std::uint32_t>;
inline constexpr std::size_t kMaxListedPages = 65536;
std::string to_bytes(const PageList& pages);
// kDataLoss for a list that is not whole, or has pages that this memory does not.
base::Result<PageList> parse_page_list(std::string_view bytes, std::uint64_t memory_bytes);

}  // namespace wrenn::vm::firecracker
