// MemoryMap: where each page of a guest's saved memory lies: in one of several files, its layers,
// or nowhere, because it is zero. Pure and thread-safe but for the reading of files, which blocks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/result.h"

namespace wrenn::vm {

inline constexpr int kMaxMemoryLayers = 16;
inline constexpr int kZeroLayer = -1;
inline constexpr std::size_t kMaxMemoryExtents = 32768;  // Each is a mapping of its own.

// All in bytes, whole pages of 4096.
struct MemoryExtent {
  std::uint64_t offset = 0;  // In the guest's memory.
  std::uint64_t length = 0;
  int layer = kZeroLayer;
  std::uint64_t layer_offset = 0;  // 0 for zeros.
  bool operator==(const MemoryExtent&) const = default;
};

struct MemoryMap {
  std::uint64_t memory_bytes = 0;
  int layer_count = 0;
  std::vector<MemoryExtent> extents;  // Sorted, covering the whole memory.
  bool operator==(const MemoryMap&) const = default;

  static MemoryMap zero(std::uint64_t memory_bytes);
  // Adds the next extent, as a part of the last one where it continues it.
  void append(const MemoryExtent& extent);
};

// The form on disk; see memory_map_format.h.
std::string to_bytes(const MemoryMap& map);
// kDataLoss for anything but what to_bytes() makes of a valid map.
base::Result<MemoryMap> parse_memory_map(std::string_view bytes);
base::Result<MemoryMap> read_memory_map(const base::Path& path);
// kDataLoss when a file is missing or shorter than the map says.
base::Result<void> check_layers(const MemoryMap& map, const std::vector<base::Path>& layers);

}  // namespace wrenn::vm
