#include "storage/cow_disk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"
#include "storage/dm/exception_store.h"
#include "storage/file_range.h"
#include "storage/qcow2.h"

namespace wrenn::storage {
namespace {

using base::Code;
using base::concat;
using base::Fd;
using base::Result;

constexpr std::uint64_t kSectorBytes = 512;
static_assert(kMaxDiskBytes == qcow2::kMaxVirtualBytes);

constexpr std::array<std::pair<CowBackend, std::string_view>, 4> kBackendNames = {{
    {CowBackend::kReflink, "reflink"},
    {CowBackend::kQcow2Overlay, "qcow2-overlay"},
    {CowBackend::kSparseCopy, "sparse-copy"},
    {CowBackend::kDmSnapshot, "dm-snapshot"},
}};

// A file that is removed again unless it is given its final name.
class TemporaryFile {
 public:
  static Result<TemporaryFile> create(const Path& target, mode_t mode) {
    Path path = concat(target.native(), ".tmp-", base::to_hex(base::random_bytes(6)));
    WRENN_TRY_ASSIGN(Fd fd, base::open_file(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
    return TemporaryFile(std::move(path), std::move(fd));
  }
  TemporaryFile(TemporaryFile&& other) noexcept
      : path_(std::exchange(other.path_, {})), fd_(std::move(other.fd_)) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile() {
    if (path_.empty()) return;
    if (::unlink(path_.c_str()) != 0) {
      base::log_warn("a temporary disk stays behind",
                     {{"error", base::errno_error(errno, path_.native())}});
    }
  }

  int fd() const { return fd_.get(); }

  Result<void> publish(const Path& target) {
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target.c_str(), RENAME_NOREPLACE) != 0) {
      return base::fail_errno(errno, "cannot give the disk its name");
    }
    path_.clear();
    return {};
  }

 private:
  TemporaryFile(Path path, Fd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  Path path_;
  Fd fd_;
};

Result<void> clone_blocks(int from, int to) {
  if (::ioctl(to, FICLONE, from) == 0) return {};
  if (errno == EOPNOTSUPP || errno == EXDEV || errno == EINVAL || errno == ENOTTY) {
    return base::fail(Code::kFailedPrecondition,
                      concat("these files cannot share blocks: ", std::strerror(errno)),
                      "put base image and disk on one XFS or btrfs, or use the qcow2 overlay");
  }
  return base::fail_errno(errno, "cannot share the base's blocks");
}

Result<void> write_overlay(int fd, const DiskRequest& request, std::uint64_t bytes) {
  std::error_code error;
  const Path name = request.backing_name.empty() ? std::filesystem::absolute(request.base, error)
                                                 : request.backing_name;
  // A relative name would be looked up beside the overlay, one like "nbd:..." by protocol.
  if (error || !name.is_absolute() || name.native().size() > qcow2::kMaxBackingName) {
    return base::fail(Code::kInvalidArgument,
                      concat("a backing file needs an absolute path of at most ",
                             qcow2::kMaxBackingName, " bytes"));
  }
  const auto parts = qcow2::overlay(bytes, name.native(), format_name(request.base_format));
  WRENN_TRY(grow(fd, qcow2::kOverlayBytes));
  WRENN_TRY(write_at(fd, parts.header, 0));
  WRENN_TRY(write_at(fd, parts.refcount_table, qcow2::kClusterBytes));
  return write_at(fd, parts.refcount_block, 2 * qcow2::kClusterBytes);
}

Result<std::uint64_t> wanted_size(const DiskRequest& request, std::uint64_t base_bytes) {
  const std::uint64_t asked = request.virtual_size_bytes;
  if (asked > kMaxDiskBytes || base_bytes > kMaxDiskBytes) {
    return base::fail(Code::kInvalidArgument,
                      concat("a disk of ", base::human_bytes(asked), " is larger than ",
                             base::human_bytes(kMaxDiskBytes)));
  }
  if (asked != 0 && asked < base_bytes) {
    return base::fail(Code::kInvalidArgument,
                      concat("a disk of ", base::human_bytes(asked),
                             " cannot hold its base image of ", base::human_bytes(base_bytes)),
                      concat("ask for at least ", base::human_bytes(base_bytes)));
  }
  const bool copied =
      request.backend == CowBackend::kReflink || request.backend == CowBackend::kSparseCopy;
  if (asked > base_bytes && copied && request.base_format == DiskFormat::kQcow2) {
    return base::fail(Code::kInvalidArgument, "a copy of a qcow2 image cannot be larger than it",
                      "use the qcow2 overlay");
  }
  const std::uint64_t bytes = asked == 0 ? base_bytes : asked;
  return (bytes + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
}

Result<void> fill(const DiskRequest& request, int base_fd, int fd, std::uint64_t bytes) {
  switch (request.backend) {
    case CowBackend::kQcow2Overlay:
      return write_overlay(fd, request, bytes);
    case CowBackend::kDmSnapshot:
      return dm::write_empty_store(fd, bytes);
    case CowBackend::kReflink:
      WRENN_TRY(clone_blocks(base_fd, fd));
      break;
    case CowBackend::kSparseCopy:
      WRENN_TRY(copy_sparse(base_fd, fd));
      break;
  }
  return request.base_format == DiskFormat::kRaw ? grow(fd, bytes) : Result<void>{};
}

Result<std::uint64_t> virtual_size_of(int fd, DiskFormat format) {
  WRENN_TRY_ASSIGN(const std::uint64_t size, file_size(fd));
  if (format == DiskFormat::kRaw) return size;
  if (format == DiskFormat::kDmStore) {
    return base::fail(Code::kInvalidArgument, "a snapshot's file does not tell the disk's size");
  }
  std::array<char, qcow2::kHeaderBytes> header{};
  const ssize_t n = ::pread(fd, header.data(), header.size(), 0);
  if (n < 0) return base::fail_errno(errno, "cannot read the header");
  return qcow2::virtual_bytes({header.data(), static_cast<std::size_t>(n)});
}

base::Error explain(base::Error error, const DiskRequest& request) {
  if (error.code == Code::kResourceExhausted && error.remedy.empty()) {
    error.remedy =
        concat("free space on the file system of ", request.target.parent_path().native(),
               ": remove sandboxes or templates nobody needs");
  }
  return std::move(error).with_context(concat("creating disk ", request.target.native()));
}

// What each backend can lie on.
Result<void> check_formats(const DiskRequest& request) {
  const bool is_snapshot = request.backend == CowBackend::kDmSnapshot;
  const bool on_store = request.base_format == DiskFormat::kDmStore;
  const bool on_qcow2 = request.base_format == DiskFormat::kQcow2;
  const bool has_size = !on_store || request.virtual_size_bytes != 0;
  if (is_snapshot ? !on_qcow2 && has_size : !on_store) return {};
  return base::fail(Code::kInvalidArgument, concat("a disk by ", backend_name(request.backend),
                                                   " cannot lie on one of the "
                                                   "format ",
                                                   format_name(request.base_format)));
}

DiskFormat format_made(const DiskRequest& request) {
  switch (request.backend) {
    case CowBackend::kQcow2Overlay:
      return DiskFormat::kQcow2;
    case CowBackend::kDmSnapshot:
      return DiskFormat::kDmStore;
    case CowBackend::kReflink:
    case CowBackend::kSparseCopy:
      break;
  }
  return request.base_format;
}

Result<Disk> create_checked(const DiskRequest& request) {
  WRENN_TRY_ASSIGN(const Fd base_fd, base::open_file(request.base, O_RDONLY | O_NONBLOCK));
  WRENN_TRY(check_formats(request));
  std::uint64_t base_bytes = request.virtual_size_bytes;
  if (request.base_format != DiskFormat::kDmStore) {
    WRENN_TRY_ASSIGN(base_bytes, virtual_size_of(base_fd.get(), request.base_format));
  }
  WRENN_TRY_ASSIGN(const std::uint64_t bytes, wanted_size(request, base_bytes));
  WRENN_TRY_ASSIGN(TemporaryFile file, TemporaryFile::create(request.target, request.mode));
  WRENN_TRY(fill(request, base_fd.get(), file.fd(), bytes));
  WRENN_TRY(file.publish(request.target));
  return Disk{request.target, format_made(request), bytes};
}

// Nothing on success, else why the file system of `dir` cannot share blocks.
Result<std::optional<std::string>> try_reflink(const Path& dir) {
  WRENN_TRY_ASSIGN(TemporaryFile from, TemporaryFile::create(dir / "probe", 0600));
  WRENN_TRY_ASSIGN(TemporaryFile to, TemporaryFile::create(dir / "probe", 0600));
  WRENN_TRY(base::write_all(from.fd(), std::string(4096, 'x')));
  if (::ioctl(to.fd(), FICLONE, from.fd()) == 0) return std::nullopt;
  return std::strerror(errno);
}

}  // namespace

std::string_view backend_name(CowBackend backend) {
  for (const auto& [value, name] : kBackendNames) {
    if (value == backend) return name;
  }
  return "unknown";
}

std::optional<CowBackend> backend_from_name(std::string_view name) {
  for (const auto& [value, text] : kBackendNames) {
    if (text == name) return value;
  }
  return std::nullopt;
}

std::string_view format_name(DiskFormat format) {
  switch (format) {
    case DiskFormat::kRaw:
      return "raw";
    case DiskFormat::kQcow2:
      return "qcow2";
    case DiskFormat::kDmStore:
      return "dm-store";
  }
  return "unknown";
}

std::optional<DiskFormat> format_from_name(std::string_view name) {
  if (name == "raw") return DiskFormat::kRaw;
  if (name == "qcow2") return DiskFormat::kQcow2;
  if (name == "dm-store") return DiskFormat::kDmStore;
  return std::nullopt;
}

Result<CowProbe> probe_cow(const Path& dir) {
  auto refused = try_reflink(dir);
  if (!refused) {
    return base::fail(
        std::move(refused).error().with_context(concat("probing copy-on-write in ", dir.native())));
  }
  if (!*refused) {
    return CowProbe{CowBackend::kReflink,
                    concat("the file system of ", dir.native(),
                           " shares blocks between files (reflink): disks are made at once")};
  }
  return CowProbe{CowBackend::kQcow2Overlay,
                  concat("the file system of ", dir.native(), " cannot share blocks (", **refused,
                         "): every disk is a qcow2 overlay over its base image")};
}

Result<Disk> create_disk(const DiskRequest& request) {
  auto disk = create_checked(request);
  if (!disk) return base::fail(explain(std::move(disk).error(), request));
  return disk;
}

Result<std::uint64_t> virtual_size(const Path& path, DiskFormat format) {
  WRENN_TRY_ASSIGN(const Fd fd, base::open_file(path, O_RDONLY | O_NONBLOCK));
  auto size = virtual_size_of(fd.get(), format);
  if (!size) return base::fail(std::move(size).error().with_context(path.native()));
  return size;
}

Result<std::string> backing_name(const Path& path) {
  WRENN_TRY_ASSIGN(const Fd file, base::open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  std::string bytes(qcow2::kClusterBytes, '\0');
  const ssize_t n = ::pread(file.get(), bytes.data(), bytes.size(), 0);
  if (n < 0) return base::fail_errno(errno, concat("cannot read ", path.native()));
  bytes.resize(static_cast<std::size_t>(n));
  return qcow2::backing_name(bytes);
}

Result<std::uint64_t> disk_usage(const Path& path) {
  constexpr std::uint64_t kStatBlock = 512;
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) {
    return base::fail_errno(errno, concat("cannot stat ", path.native()));
  }
  std::uint64_t total = static_cast<std::uint64_t>(info.st_blocks) * kStatBlock;
  if (!S_ISDIR(info.st_mode)) return total;
  std::error_code error;
  std::filesystem::directory_iterator entries(path, error);
  for (const std::filesystem::directory_iterator end; !error && entries != end;
       entries.increment(error)) {
    auto part = disk_usage(entries->path());
    // Gone since it was listed: a running sandbox removes files too.
    if (!part && part.error().code == Code::kNotFound) continue;
    if (!part) return part;
    total += *part;
  }
  if (error) return base::fail_errno(error.value(), concat("cannot list ", path.native()));
  return total;
}

Result<std::uint64_t> free_space(const Path& dir) {
  struct statvfs info{};
  if (::statvfs(dir.c_str(), &info) != 0) {
    return base::fail_errno(errno, concat("cannot ask for the free space of ", dir.native()));
  }
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

}  // namespace wrenn::storage
