// FileSource: the rest of a file as a stream of bytes, read on the threads of a pool.
#pragma once

#include <unistd.h>

#include <cerrno>

#include "base/files.h"
#include "net/blocking.h"
#include "net/byte_source.h"

namespace wrenn::net {

// For one loop. `fd` stays the caller's, and it and the pool outlive the source.
class FileSource final : public ByteSource {
 public:
  FileSource(BlockingPool& pool, int fd) : pool_(pool), fd_(fd) {}

  Task<base::Result<std::size_t>> read(std::span<char> buffer) override {
    return pool_.run([this, buffer]() -> base::Result<std::size_t> {
      while (true) {
        const ssize_t n = ::read(fd_, buffer.data(), buffer.size());
        if (n >= 0) return static_cast<std::size_t>(n);
        if (errno != EINTR) return base::fail_errno(errno, "cannot read a file");
      }
    });
  }

 private:
  BlockingPool& pool_;
  const int fd_;
};

}  // namespace wrenn::net
