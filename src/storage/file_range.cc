#include "storage/file_range.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

namespace wrenn::storage {

using base::Code;
using base::Result;

Result<void> write_at(int fd, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::fail_errno(errno, "cannot write a file");
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<void> copy_range(int from, int to, std::uint64_t offset, std::uint64_t end) {
  std::string buffer;
  while (offset < end) {
    off_t in = static_cast<off_t>(offset);
    off_t out = in;
    ssize_t n = ::copy_file_range(from, &in, to, &out, end - offset, 0);
    if (n < 0 && (errno == EXDEV || errno == EOPNOTSUPP || errno == EINVAL)) {
      // The kernel cannot between these two.
      buffer.resize(std::min<std::uint64_t>(end - offset, 1 << 20));
      n = ::pread(from, buffer.data(), buffer.size(), static_cast<off_t>(offset));
      if (n > 0) {
        const std::string_view read(buffer.data(), static_cast<std::size_t>(n));
        WRENN_TRY(write_at(to, read, offset));
      }
    }
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::fail_errno(errno, "cannot copy a file");
    if (n == 0) return base::fail(Code::kAborted, "a file shrank while it was copied");
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<void> copy_sparse(int from, int to) {
  WRENN_TRY_ASSIGN(const std::uint64_t size, file_size(from));
  off_t offset = 0;
  while (static_cast<std::uint64_t>(offset) < size) {
    const off_t data = ::lseek(from, offset, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // Nothing but a hole up to the end.
    if (data < 0) return base::fail_errno(errno, "cannot find the base's data");
    const off_t hole = ::lseek(from, data, SEEK_HOLE);
    if (hole < 0) return base::fail_errno(errno, "cannot find the base's holes");
    WRENN_TRY(
        copy_range(from, to, static_cast<std::uint64_t>(data), static_cast<std::uint64_t>(hole)));
    offset = hole;
  }
  return grow(to, size);
}

Result<std::uint64_t> file_size(int fd) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return base::fail_errno(errno, "cannot stat");
  if (!S_ISREG(info.st_mode)) return base::fail(Code::kInvalidArgument, "not a regular file");
  return static_cast<std::uint64_t>(info.st_size);
}

Result<void> grow(int fd, std::uint64_t bytes) {
  WRENN_TRY_ASSIGN(const std::uint64_t size, file_size(fd));
  if (size >= bytes) return {};
  if (::ftruncate(fd, static_cast<off_t>(bytes)) != 0) {
    return base::fail_errno(errno, "cannot grow the disk");
  }
  return {};
}

}  // namespace wrenn::storage
