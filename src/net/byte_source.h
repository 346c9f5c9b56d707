// ByteSource: bytes that come bit by bit, e.g. the body of a message.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/task.h"

namespace wrenn::net {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // At least one byte, or 0 at the end; after the end always 0.
  virtual Task<base::Result<std::size_t>> read(std::span<char> buffer) = 0;
};

// Everything up to the end. kResourceExhausted past `limit` bytes.
Task<base::Result<std::string>> read_all(ByteSource& source, std::size_t limit);

class StringSource final : public ByteSource {
 public:
  explicit StringSource(std::string_view text) : left_(text) {}
  Task<base::Result<std::size_t>> read(std::span<char> buffer) override {
    const std::size_t n = left_.copy(buffer.data(), buffer.size());
    left_.remove_prefix(n);
    co_return n;
  }

 private:
  std::string_view left_;
};

}  // namespace wrenn::net
