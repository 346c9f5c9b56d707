#include "vm/firecracker/page_source.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace wrenn::vm::firecracker {
namespace {

using base::Code;
using base::Result;

Result<void> read_at(int fd, std::span<char> buffer, std::uint64_t offset) {
  while (!buffer.empty()) {
    const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::fail_errno(errno, "cannot read a layer of a VM's memory");
    if (n == 0) return base::fail(Code::kDataLoss, "a layer of a VM's memory is too short");
    buffer = buffer.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

}  // namespace

Result<bool> PageSource::read(std::uint64_t offset, std::span<char> buffer) const {
  const std::uint64_t end = offset + buffer.size();
  auto extent = std::ranges::upper_bound(map_.extents, offset, {}, &MemoryExtent::offset);
  --extent;  // There is one at 0.
  if (extent->layer == kZeroLayer && extent->offset + extent->length >= end) return true;
  for (; extent != map_.extents.end() && extent->offset < end; ++extent) {
    const std::uint64_t first = std::max(extent->offset, offset);
    const std::uint64_t last = std::min(extent->offset + extent->length, end);
    const auto part = buffer.subspan(first - offset, last - first);
    if (extent->layer == kZeroLayer) {
      std::ranges::fill(part, '\0');
      continue;
    }
    WRENN_TRY(read_at(layers_.at(static_cast<std::size_t>(extent->layer)).get(), part,
                      extent->layer_offset + (first - extent->offset)));
  }
  return false;
}

}  // namespace wrenn::vm::firecracker
