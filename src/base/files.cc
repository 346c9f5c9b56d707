#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::base {

Result<Fd> open_file(const Path& path, int flags, mode_t mode) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd.valid()) return fail_errno(errno, concat("cannot open ", path.native()));
  return fd;
}

Result<std::string> read_file(const Path& path, std::uint64_t max_bytes) {
  WRENN_TRY_ASSIGN(Fd fd, open_file(path, O_RDONLY));
  std::string content;
  constexpr std::size_t kChunk = 64 * 1024;
  while (true) {
    const std::size_t size = content.size();
    content.resize(size + kChunk);
    const ssize_t n = ::read(fd.get(), content.data() + size, kChunk);
    if (n < 0 && errno == EINTR) {
      content.resize(size);
      continue;
    }
    if (n < 0) return fail_errno(errno, concat("cannot read ", path.native()));
    content.resize(size + static_cast<std::size_t>(n));
    if (n == 0) return content;
    if (content.size() > max_bytes) {
      return fail(Code::kResourceExhausted,
                  concat(path.native(), " is larger than ", human_bytes(max_bytes)));
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
