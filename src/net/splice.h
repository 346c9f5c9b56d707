// SpliceBuffer: bytes on their way from one stream to another, which this process never sees.
#pragma once

#include "net/stream.h"

namespace wrenn::net {

// A buffer of the kernel (a pipe) that takes pages from one socket and gives them to another, so
// that nothing is copied (splice(2)). For one loop and one body. Where a reader may go away the
// program calls ignore_sigpipe() first: splice(2) knows no other way to be spared the signal.
class SpliceBuffer {
 public:
  // kResourceExhausted when no descriptors are left.
  static base::Result<SpliceBuffer> create();

  // Into the empty buffer: at least one byte, at most `most`; 0 at the end. kCanceled when stopped,
  // kUnavailable when broken.
  Task<base::Result<std::size_t>> fill(Stream& from, std::uint64_t most);
  // All that it holds. After an error it still holds something and is of no more use.
  Task<base::Result<void>> drain(Stream& to);
  std::size_t size() const { return size_; }

 private:
  SpliceBuffer(base::Fd read_end, base::Fd write_end)
      : read_end_(std::move(read_end)), write_end_(std::move(write_end)) {}
  base::Fd read_end_;
  base::Fd write_end_;
  std::size_t size_ = 0;
};

}  // namespace wrenn::net
