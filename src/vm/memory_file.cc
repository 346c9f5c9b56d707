#include "vm/memory_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>

#include "base/strings.h"

namespace wrenn::vm {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kChunk = 1 << 20;

bool is_zero(std::string_view page) {
  return page.front() == 0 && std::memcmp(page.data(), page.data() + 1, page.size() - 1) == 0;
}

base::Result<std::size_t> read_at(int fd, std::span<char> buffer, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t n =
        ::pread(fd, buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::fail_errno(errno, "cannot read guest memory");
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

// Makes holes of the runs of zero pages in `bytes`, which stand at `offset`.
base::Result<void> punch_zero_pages(int fd, std::string_view bytes, std::uint64_t offset) {
  for (std::size_t at = 0; at < bytes.size();) {
    std::size_t end = at;
    while (end < bytes.size() && is_zero(bytes.substr(end, kPage))) end += kPage;
    if (end > at &&
        ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(offset + at),
                    static_cast<off_t>(end - at)) != 0) {
      // A file system without holes keeps the zeros, which is as good.
      if (errno == EOPNOTSUPP) return {};
      return base::fail_errno(errno, "cannot make a hole in guest memory");
    }
    at = end + kPage;
  }
  return {};
}

base::Result<void> punch_all_zero_pages(int fd) {
  std::string buffer(kChunk, '\0');
  std::uint64_t at = 0;
  while (true) {
    const off_t data = ::lseek(fd, static_cast<off_t>(at), SEEK_DATA);
    if (data < 0 && errno == ENXIO) return {};  // Only a hole is left.
    if (data < 0) return base::fail_errno(errno, "cannot look for data");
    at = static_cast<std::uint64_t>(data) / kPage * kPage;
    WRENN_TRY_ASSIGN(const std::size_t n, read_at(fd, buffer, at));
    if (n == 0) return {};
    WRENN_TRY(punch_zero_pages(fd, std::string_view(buffer).substr(0, n), at));
    at += n;
  }
}

}  // namespace

base::Result<void> create_memory_file(const base::Path& path, std::uint64_t size_bytes) {
  WRENN_TRY_ASSIGN(const base::Fd file,
                   base::open_file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  if (::ftruncate(file.get(), static_cast<off_t>(size_bytes)) != 0) {
    return base::fail_errno(errno, base::concat("cannot size ", path.native()));
  }
  return {};
}

base::Result<void> seal_memory_file(const base::Path& path) {
  WRENN_TRY_ASSIGN(const base::Fd file, base::open_file(path, O_RDWR | O_NOFOLLOW));
  // Clones open it as users of their own, through a read-only mount besides.
  if (::fchown(file.get(), 0, 0) != 0 || ::fchmod(file.get(), 0444) != 0) {
    return base::fail_errno(errno, base::concat("cannot take over ", path.native()));
  }
  WRENN_TRY(punch_all_zero_pages(file.get()));
  if (::fsync(file.get()) != 0) {
    return base::fail_errno(errno, base::concat("cannot sync ", path.native()));
  }
  return {};
}

base::Result<void> check_memory_file(const base::Path& path, std::uint64_t size_bytes) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    return base::fail_errno(errno, base::concat("cannot look at ", path.native()));
  }
  if (static_cast<std::uint64_t>(info.st_size) == size_bytes) return {};
  return base::fail(base::Code::kDataLoss, base::concat(path.native(), " has ", info.st_size,
                                                        " bytes and should have ", size_bytes));
}

}  // namespace wrenn::vm
