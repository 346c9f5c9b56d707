#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::base {
namespace {

// For all of the file and one byte more, so that the end is seen without growing. Files of /proc
// and pipes do not say how large they are.
std::size_t room_for(int fd, std::uint64_t max_bytes) {
  constexpr std::size_t kUnknown = 4096;
  struct stat info{};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size <= 0) return kUnknown;
  return std::min(static_cast<std::uint64_t>(info.st_size), max_bytes) + 1;
}

}  // namespace

Result<Fd> open_file(const Path& path, int flags, mode_t mode) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd.valid()) return fail_errno(errno, concat("cannot open ", path.native()));
  return fd;
}

Result<std::string> read_file(const Path& path, std::uint64_t max_bytes) {
  WRENN_TRY_ASSIGN(Fd fd, open_file(path, O_RDONLY));
  std::string content(room_for(fd.get(), max_bytes), '\0');
  std::size_t size = 0;
  while (true) {
    if (size == content.size()) content.resize(2 * size);
    const ssize_t n = ::read(fd.get(), content.data() + size, content.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(errno, concat("cannot read ", path.native()));
    size += static_cast<std::size_t>(n);
    if (size > max_bytes) {
      return fail(Code::kResourceExhausted,
                  concat(path.native(), " is larger than ", human_bytes(max_bytes)));
    }
    if (n == 0) {
      content.resize(size);
      return content;
    }
  }
}

Result<void> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(errno, "cannot write");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<void> fsync_dir(const Path& path) {
  WRENN_TRY_ASSIGN(Fd fd, open_file(path, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) != 0) return fail_errno(errno, concat("cannot sync ", path.native()));
  return {};
}

Result<void> write_file_atomic(const Path& path, std::string_view content, mode_t mode) {
  const Path temp = concat(path.native(), ".tmp-", to_hex(random_bytes(6)));
  auto written = [&]() -> Result<void> {
    WRENN_TRY_ASSIGN(Fd fd, open_file(temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
    WRENN_TRY(write_all(fd.get(), content));
    if (::fchmod(fd.get(), mode) != 0) return fail_errno(errno, "cannot set the mode");
    if (::fsync(fd.get()) != 0) return fail_errno(errno, "cannot sync");
    if (::rename(temp.c_str(), path.c_str()) != 0) return fail_errno(errno, "cannot rename");
    return fsync_dir(path.has_parent_path() ? path.parent_path() : Path("."));
  }();
  if (!written) {
    ::unlink(temp.c_str());
    return fail(std::move(written).error().with_context(concat("writing ", path.native())));
  }
  return {};
}

Result<void> make_dirs(const Path& path, mode_t mode) {
  Path partial;
  for (const auto& part : path) {
    partial /= part;
    if (part == "/" || part.empty()) continue;
    if (::mkdir(partial.c_str(), mode) != 0 && errno != EEXIST) {
      return fail_errno(errno, concat("cannot create directory ", partial.native()));
    }
  }
  if (!std::filesystem::is_directory(path)) {
    return fail(Code::kInvalidArgument, concat(path.native(), " is not a directory"));
  }
  return {};
}

Result<void> remove_tree(const Path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return fail_errno(error.value(), concat("cannot remove ", path.native()));
  return {};
}

Result<TempDir> TempDir::create(const Path& parent, std::string_view prefix) {
  std::string pattern = concat((parent / std::string(prefix)).native(), "XXXXXX");
  if (::mkdtemp(pattern.data()) == nullptr) {
    return fail_errno(errno, concat("cannot create a directory in ", parent.native()));
  }
  return TempDir(pattern);
}

TempDir::~TempDir() {
  if (path_.empty()) return;
  if (auto removed = remove_tree(path_); !removed) {
    log_warn("a temporary directory stays behind", {{"error", removed.error()}});
  }
}

}  // namespace wrenn::base
