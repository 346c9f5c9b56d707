#include "vm/memory_image.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>

#include "base/strings.h"

namespace wrenn::vm {
namespace {

using base::Code;

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

base::Result<void> write_at(int fd, std::string_view bytes, std::uint64_t offset) {
  while (!bytes.empty()) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::fail_errno(errno, "cannot write guest memory");
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

// Writes the runs of pages that are not zero and leaves holes for the others.
base::Result<void> write_sparse(int to, std::string_view bytes, std::uint64_t offset) {
  for (std::size_t at = 0; at < bytes.size();) {
    std::size_t end = at;
    while (end < bytes.size() && !is_zero(bytes.substr(end, kPage))) end += kPage;
    end = std::min(end, bytes.size());
    if (end > at) WRENN_TRY(write_at(to, bytes.substr(at, end - at), offset + at));
    at = end + kPage;
  }
  return {};
}

base::Result<void> copy_sparse(int from, int to, std::uint64_t size) {
  std::string buffer(kChunk, '\0');
  std::uint64_t at = 0;
  while (at < size) {
    const off_t data = ::lseek(from, static_cast<off_t>(at), SEEK_DATA);
    if (data < 0 && errno == ENXIO) return {};  // Only a hole is left.
    if (data < 0) return base::fail_errno(errno, "cannot look for data");
    at = static_cast<std::uint64_t>(data) / kPage * kPage;
    const auto room = static_cast<std::size_t>(std::min<std::uint64_t>(kChunk, size - at));
    WRENN_TRY_ASSIGN(const std::size_t n, read_at(from, std::span(buffer.data(), room), at));
    if (n == 0) return {};
    WRENN_TRY(write_sparse(to, std::string_view(buffer).substr(0, n), at));
    at += n;
  }
  return {};
}

}  // namespace

base::Result<MemoryImage> MemoryImage::create(std::uint64_t size_bytes) {
  base::Fd fd(::memfd_create("wrenn-guest-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd.valid()) return base::fail_errno(errno, "cannot make a memory file");
  if (::ftruncate(fd.get(), static_cast<off_t>(size_bytes)) != 0) {
    return base::fail_errno(errno, "cannot size a memory file");
  }
  // Its size never changes: a mapping past the end would crash the guest.
  if (::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) != 0) {
    return base::fail_errno(errno, "cannot seal a memory file");
  }
  return MemoryImage(std::move(fd), size_bytes);
}

base::Result<MemoryImage> MemoryImage::load(const base::Path& path, std::uint64_t size_bytes) {
  WRENN_TRY_ASSIGN(const base::Fd file, base::open_file(path, O_RDONLY));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return base::fail_errno(errno, "cannot look at a file");
  if (static_cast<std::uint64_t>(info.st_size) != size_bytes) {
    return base::fail(Code::kDataLoss, base::concat(path.native(), " has ", info.st_size,
                                                    " bytes and should have ", size_bytes));
  }
  WRENN_TRY_ASSIGN(MemoryImage image, create(size_bytes));
  WRENN_TRY(copy_sparse(file.get(), image.fd(), size_bytes));
  WRENN_TRY(image.seal());
  return image;
}

base::Result<void> MemoryImage::seal() {
  if (::fcntl(fd_.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0) return {};
  if (errno == EBUSY) {
    return base::fail(Code::kFailedPrecondition, "guest memory is still mapped for writing");
  }
  return base::fail_errno(errno, "cannot seal guest memory");
}

base::Result<void> MemoryImage::save(const base::Path& path) const {
  WRENN_TRY_ASSIGN(const base::Fd file, base::open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600));
  if (::ftruncate(file.get(), static_cast<off_t>(size_bytes_)) != 0) {
    return base::fail_errno(errno, base::concat("cannot size ", path.native()));
  }
  WRENN_TRY(copy_sparse(fd_.get(), file.get(), size_bytes_));
  if (::fsync(file.get()) != 0) {
    return base::fail_errno(errno, base::concat("cannot sync ", path.native()));
  }
  return {};
}

}  // namespace wrenn::vm
