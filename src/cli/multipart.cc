#include "cli/multipart.h"

#include <unistd.h>

#include <cerrno>

#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::cli {
namespace {

std::string make_head(const std::string& boundary, const std::string& path) {
  return base::concat("--", boundary, "\r\nContent-Disposition: form-data; name=\"path\"\r\n\r\n",
                      path, "\r\n--", boundary,
                      "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"file\"\r\n"
                      "Content-Type: application/octet-stream\r\n\r\n");
}

}  // namespace

net::Task<base::Result<std::size_t>> FdSource::read(std::span<char> buffer) {
  ssize_t n = 0;
  do {
    n = ::read(fd_, buffer.data(), buffer.size());
  } while (n < 0 && errno == EINTR);
  if (n < 0) co_return base::fail_errno(errno, "cannot read the file");
  bytes_ += static_cast<std::uint64_t>(n);
  if (on_progress_) on_progress_(bytes_);
  co_return static_cast<std::size_t>(n);
}

MultipartUpload::MultipartUpload(const std::string& path, net::ByteSource& file)
    : boundary_("wrenn-" + base::to_hex(base::random_bytes(16))),
      head_(make_head(boundary_, path)),
      tail_(base::concat("\r\n--", boundary_, "--\r\n")),
      file_(file),
      head_source_(head_),
      tail_source_(tail_) {}

net::Task<base::Result<std::size_t>> MultipartUpload::read(std::span<char> buffer) {
  if (part_ == Part::kHead) {
    WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await head_source_.read(buffer));
    if (n > 0) co_return n;
    part_ = Part::kFile;
  }
  if (part_ == Part::kFile) {
    WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await file_.read(buffer));
    if (n > 0) co_return n;
    part_ = Part::kTail;
  }
  co_return co_await tail_source_.read(buffer);
}

std::string MultipartUpload::content_type() const {
  return "multipart/form-data; boundary=" + boundary_;
}

std::uint64_t MultipartUpload::length(std::uint64_t file_length) const {
  return head_.size() + file_length + tail_.size();
}

}  // namespace wrenn::cli
