// A saved memory as whoever serves page faults reads it: page by page out of its layers.
#pragma once

#include <span>
#include <vector>

#include "base/fd.h"
#include "vm/memory_map.h"

namespace wrenn::vm::firecracker {

class PageSource {
 public:
  PageSource(MemoryMap map, std::vector<base::Fd> layers)
      : map_(std::move(map)), layers_(std::move(layers)) {}

  std::uint64_t memory_bytes() const { return map_.memory_bytes; }
  // Fills the buffer with what is saved from `offset` on, all of it within the memory. True when it
  // is all zero by the map, and then nothing is written. Blocking.
  base::Result<bool> read(std::uint64_t offset, std::span<char> buffer) const;

 private:
  MemoryMap map_;
  std::vector<base::Fd> layers_;
};

}  // namespace wrenn::vm::firecracker
