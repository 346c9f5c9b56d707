// InputReader: standard input, read on a thread of its own, so that it stays as blocking as whoever
// shares it expects it to be.
#pragma once

#include <string>

#include "base/fd.h"
#include "net/blocking.h"

namespace wrenn::cli {

class InputReader {
 public:
  // The descriptor stays the caller's.
  static base::Result<InputReader> create(int fd);
  InputReader(InputReader&&) noexcept = default;

  // Some bytes; none at the end. kCanceled after stop(), which alone ends a wait.
  net::Task<base::Result<std::string>> read();
  void stop();

 private:
  InputReader(int fd, base::Fd stop)
      : fd_(fd), stop_(std::move(stop)), thread_(std::make_unique<net::BlockingPool>(1)) {}
  int fd_;
  base::Fd stop_;  // An eventfd.
  std::unique_ptr<net::BlockingPool> thread_;
};

}  // namespace wrenn::cli
