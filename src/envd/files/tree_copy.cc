#include "envd/files/tree_copy.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/strings.h"
#include "envd/files/directory.h"
#include "envd/files/file_entry.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Fd;
using base::Result;

// Each level has two descriptors open.
constexpr int kMaxDepth = 128;
// Between two looks at the stop flag.
constexpr off_t kChunk = 4 << 20;

struct Place {
  int directory;
  const std::string& name;
};

base::Error failure(int error, const Place& place) {
  return base::errno_error(error, base::concat("cannot copy ", to_text(place.name)));
}

// One attribute after the other: file systems differ in what they can keep, and what the target
// does not know is left behind as cp and mv do.
Result<void> copy_attributes(int from, int to, const Place& place) {
  std::string names(XATTR_LIST_MAX, '\0');
  const ssize_t size = ::flistxattr(from, names.data(), names.size());
  if (size < 0 && errno != EOPNOTSUPP) return base::fail(failure(errno, place));
  names.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  std::string value;
  for (std::size_t at = 0; at < names.size(); at = names.find('\0', at) + 1) {
    const char* name = names.c_str() + at;
    value.resize(XATTR_SIZE_MAX);
    const ssize_t length = ::fgetxattr(from, name, value.data(), value.size());
    if (length < 0) continue;  // Removed meanwhile.
    const bool is_set =
        ::fsetxattr(to, name, value.data(), static_cast<std::size_t>(length), 0) == 0;
    if (!is_set && errno != EOPNOTSUPP) return base::fail(failure(errno, place));
  }
  return {};
}

// The mode comes after the owner: a change of owner clears setuid and setgid.
Result<void> copy_ownership(int from, int to, const struct stat& info, const Place& place) {
  if (::fchown(to, info.st_uid, info.st_gid) != 0 || ::fchmod(to, info.st_mode & 07777) != 0) {
    return base::fail(failure(errno, place));
  }
  // File capabilities are lost by a change of owner, too.
  WRENN_TRY(copy_attributes(from, to, place));
  const std::array<timespec, 2> times = {info.st_atim, info.st_mtim};
  if (::futimens(to, times.data()) != 0) return base::fail(failure(errno, place));
  return {};
}

Result<void> copy_range(int from, int to, off_t start, off_t end, const StopFlag& stop,
                        const Place& place) {
  if (::lseek(to, start, SEEK_SET) < 0) return base::fail(failure(errno, place));
  while (start < end) {
    WRENN_TRY(stop.check());
    const auto size = static_cast<std::size_t>(std::min(end - start, kChunk));
    const ssize_t n = ::sendfile(to, from, &start, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return base::fail(failure(errno, place));
    if (n == 0) break;  // It was cut short meanwhile.
  }
  return {};
}

Result<void> copy_content(int from, int to, off_t size, const StopFlag& stop, const Place& place) {
  off_t at = 0;
  while (at < size) {
    const off_t data = ::lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // A hole up to the end.
    const off_t hole = data < 0 ? size : ::lseek(from, data, SEEK_HOLE);
    const off_t end = hole < 0 ? size : std::min(hole, size);
    WRENN_TRY(copy_range(from, to, std::max<off_t>(data, at), end, stop, place));
    at = end;
  }
  if (::ftruncate(to, size) != 0) return base::fail(failure(errno, place));
  return {};
}

class Copier {
 public:
  explicit Copier(const StopFlag& stop) : stop_(stop) {}
  Result<void> copy(Place from, Place to, int depth);

 private:
  Result<void> copy_file(Place from, Place to);
  Result<void> copy_directory(Place from, Place to, int depth);
  Result<void> copy_special(Place from, Place to, const struct stat& info);

  const StopFlag& stop_;
};

Result<void> Copier::copy(Place from, Place to, int depth) {
  WRENN_TRY(stop_.check());
  struct stat info{};
  if (::fstatat(from.directory, from.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return base::fail(failure(errno, from));
  }
  if (S_ISDIR(info.st_mode)) return copy_directory(from, to, depth);
  if (S_ISREG(info.st_mode)) return copy_file(from, to);
  return copy_special(from, to, info);
}

Result<void> Copier::copy_file(Place from, Place to) {
  const Fd source(::openat(from.directory, from.name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info{};
  if (!source.valid() || ::fstat(source.get(), &info) != 0) return base::fail(failure(errno, from));
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const Fd target(::openat(to.directory, to.name.c_str(), flags, 0600));
  if (!target.valid()) return base::fail(failure(errno, to));
  WRENN_TRY(copy_content(source.get(), target.get(), info.st_size, stop_, from));
  return copy_ownership(source.get(), target.get(), info, from);
}

Result<void> Copier::copy_directory(Place from, Place to, int depth) {
  if (depth == kMaxDepth) {
    return base::fail(Code::kFailedPrecondition,
                      base::concat("the tree is deeper than ", kMaxDepth, " levels"),
                      "move its parts one by one");
  }
  WRENN_TRY_ASSIGN(const Fd source, open_directory(from.directory, from.name, Follow::kNo));
  struct stat info{};
  if (::fstat(source.get(), &info) != 0) return base::fail(failure(errno, from));
  if (::mkdirat(to.directory, to.name.c_str(), 0700) != 0) return base::fail(failure(errno, to));
  WRENN_TRY_ASSIGN(const Fd target, open_directory(to.directory, to.name, Follow::kNo));
  WRENN_TRY_ASSIGN(const auto children, read_children(source));
  if (children.size() == kMaxChildren) {
    return base::fail(Code::kResourceExhausted,
                      base::concat(to_text(from.name), " has more than ", kMaxChildren, " entries"),
                      "move its parts one by one");
  }
  for (const Child& child : children) {
    WRENN_TRY(copy({source.get(), child.name}, {target.get(), child.name}, depth + 1));
  }
  return copy_ownership(source.get(), target.get(), info, from);
}

// Links, devices, pipes and sockets: all there is to them is in their inode.
Result<void> Copier::copy_special(Place from, Place to, const struct stat& info) {
  if (S_ISLNK(info.st_mode)) {
    std::array<char, PATH_MAX> text{};
    const ssize_t n = ::readlinkat(from.directory, from.name.c_str(), text.data(), text.size() - 1);
    if (n < 0) return base::fail(failure(errno, from));
    if (::symlinkat(text.data(), to.directory, to.name.c_str()) != 0) {
      return base::fail(failure(errno, to));
    }
  } else if (::mknodat(to.directory, to.name.c_str(), info.st_mode, info.st_rdev) != 0) {
    return base::fail(failure(errno, to));
  }
  const bool is_owned =
      ::fchownat(to.directory, to.name.c_str(), info.st_uid, info.st_gid, AT_SYMLINK_NOFOLLOW) == 0;
  const bool is_moded = S_ISLNK(info.st_mode) ||
                        ::fchmodat(to.directory, to.name.c_str(), info.st_mode & 07777, 0) == 0;
  const std::array<timespec, 2> times = {info.st_atim, info.st_mtim};
  const bool is_timed =
      ::utimensat(to.directory, to.name.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) == 0;
  if (!is_owned || !is_moded || !is_timed) return base::fail(failure(errno, to));
  return {};
}

}  // namespace

Result<void> copy_entry(int from_directory, const std::string& from, int to_directory,
                        const std::string& to, const StopFlag& stop) {
  return Copier(stop).copy({from_directory, from}, {to_directory, to}, 0);
}

}  // namespace wrenn::envd
