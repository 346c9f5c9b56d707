// The file in which a dm-snapshot keeps what was written to it: the kernel's persistent exception
// store, version 1 (drivers/md/dm-snap-persistent.c), in chunks of 4 KiB.
//
//   chunk 0              header: magic, valid, version, sectors of a chunk (each le32)
//   chunk 1 + 257 * a    area a: 256 times the number of a chunk of the disk, and where it is here
//                        (each le64); the first with a place of 0 is the end
//   all others           what was written, in the order in which it was written to first
//
// Such files are made, read, merged and flattened here without the kernel's help, so no device has
// to exist for that. Blocking; pure but for the descriptors.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"

namespace wrenn::storage::dm {

inline constexpr std::uint64_t kSectorBytes = 512;
inline constexpr std::uint64_t kChunkBytes = 4096;
inline constexpr std::uint64_t kChunkSectors = kChunkBytes / kSectorBytes;
inline constexpr std::uint64_t kExceptionsPerArea = 256;

// How large the file of a disk has to be so that it cannot overflow when every chunk of the disk is
// written: one that overflows is lost whole. The kernel prepares the next area when one is full, so
// there is one more than the last chunk needs.
std::uint64_t store_bytes(std::uint64_t disk_bytes);

// Makes an empty file that of a disk nothing was written to: sparse, and as large as it may become.
base::Result<void> write_empty_store(int fd, std::uint64_t disk_bytes);

struct Exception {
  std::uint64_t chunk = 0;  // Of the disk.
  std::uint64_t place = 0;  // The chunk in the file that has its content.
  bool operator==(const Exception&) const = default;
};
// In the order of the file. kDataLoss when it is none, when the kernel has given it up, or when it
// speaks of chunks that cannot be. Nothing in it is trusted.
base::Result<std::vector<Exception>> read_store(int fd);

// How much of the file matters to who reads it only. Errors as of read_store().
base::Result<std::uint64_t> used_bytes(int fd);

// Writes to the empty file `out` what lies in all stores, of which a later one wins. It is as large
// as it must be to be read, not to be written to.
base::Result<void> merge_stores(const std::vector<int>& stores, int out);
// Writes to the empty file `out` the disk that the stores make of the raw disk `base`.
base::Result<void> flatten(int base, const std::vector<int>& stores, std::uint64_t disk_bytes,
                           int out);

}  // namespace wrenn::storage::dm
