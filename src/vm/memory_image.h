// MemoryImage: the memory of a template, shared by all VMs restored from it.
//
// It lies in an anonymous memory file that the kernel seals against writing: a hypervisor that was
// taken over cannot change what other VMs start from, although QEMU insists on opening it for
// writing. It is held in RAM (only the pages that are not zero) as long as anybody uses it.
#pragma once

#include <cstdint>

#include "base/fd.h"
#include "base/files.h"
#include "base/result.h"

namespace wrenn::vm {

// All methods block; thread-safe once sealed.
class MemoryImage {
 public:
  // All zero, and writable until it is sealed.
  static base::Result<MemoryImage> create(std::uint64_t size_bytes);
  // From a file written by save(); sealed. kDataLoss when the file has another size.
  static base::Result<MemoryImage> load(const base::Path& path, std::uint64_t size_bytes);

  // No one can write from now on, ourselves included. kFailedPrecondition while somebody maps it
  // for writing.
  base::Result<void> seal();
  // Writes a sparse copy and syncs it. `path` must not exist.
  base::Result<void> save(const base::Path& path) const;

  int fd() const { return fd_.get(); }
  std::uint64_t size_bytes() const { return size_bytes_; }

 private:
  MemoryImage(base::Fd fd, std::uint64_t size) : fd_(std::move(fd)), size_bytes_(size) {}
  base::Fd fd_;
  std::uint64_t size_bytes_ = 0;
};

}  // namespace wrenn::vm
