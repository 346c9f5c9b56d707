// The body of an upload (RFC 7578): a text field `path`, then a field `file` that is a stream.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "net/byte_source.h"

namespace wrenn::cli {

// Blocking reads of a descriptor: a file, or a pipe nobody else waits for. `on_progress` gets the
// number of bytes so far.
class FdSource final : public net::ByteSource {
 public:
  using Progress = std::function<void(std::uint64_t bytes)>;
  FdSource(int fd, Progress on_progress) : fd_(fd), on_progress_(std::move(on_progress)) {}
  net::Task<base::Result<std::size_t>> read(std::span<char> buffer) override;

 private:
  const int fd_;
  const Progress on_progress_;
  std::uint64_t bytes_ = 0;
};

// `file` must outlive it. Constant memory.
class MultipartUpload final : public net::ByteSource {
 public:
  MultipartUpload(const std::string& path, net::ByteSource& file);
  net::Task<base::Result<std::size_t>> read(std::span<char> buffer) override;

  std::string content_type() const;
  // Of the whole body, when that of the file is known.
  std::uint64_t length(std::uint64_t file_length) const;

 private:
  enum class Part { kHead, kFile, kTail };
  const std::string boundary_;
  const std::string head_;
  const std::string tail_;
  net::ByteSource& file_;
  net::StringSource head_source_;
  net::StringSource tail_source_;
  Part part_ = Part::kHead;
};

}  // namespace wrenn::cli
