// qcow2, as far as Wrenn writes it itself: an empty overlay over a backing file, and the size in a
// header. https://gitlab.com/qemu-project/qemu/-/blob/master/docs/interop/qcow2.txt
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::storage::qcow2 {

inline constexpr std::uint64_t kClusterBytes = 64 << 10;
// Header, refcount table, one refcount block, one cluster of L1 table.
inline constexpr std::uint64_t kOverlayBytes = 4 * kClusterBytes;
// One cluster of L1 table has 8192 entries, each of which stands for 8192 clusters.
inline constexpr std::uint64_t kMaxVirtualBytes = 8192 * 8192 * kClusterBytes;
inline constexpr std::size_t kMaxBackingName = 1023;

// A part of the image's first bytes that is not zero. Everything else up to kOverlayBytes is.
struct OverlayParts {
  std::string header;          // At offset 0.
  std::string refcount_table;  // At kClusterBytes.
  std::string refcount_block;  // At 2 * kClusterBytes.
};
// Version 3, 64 KiB clusters, 16-bit refcounts, no lazy refcounts. `virtual_bytes` must be a
// multiple of 512 up to kMaxVirtualBytes, `backing_name` 1 to kMaxBackingName bytes. Pure.
OverlayParts overlay(std::uint64_t virtual_bytes, std::string_view backing_name,
                     std::string_view backing_format);

inline constexpr std::size_t kHeaderBytes = 104;
// From the first kHeaderBytes of a file; kDataLoss for anything that is not a qcow2 header.
base::Result<std::uint64_t> virtual_bytes(std::string_view header);
// What the image calls the one under it; empty when it names none. From the first kClusterBytes of
// a file, or all of a shorter one; kDataLoss as above.
base::Result<std::string> backing_name(std::string_view first_cluster);

}  // namespace wrenn::storage::qcow2
