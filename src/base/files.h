// Files as Wrenn writes them: whole, durable, and never half. Blocking; call from a pool thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace wrenn::base {

using Path = std::filesystem::path;

// Fails with kResourceExhausted when the file is larger than max_bytes.
inline constexpr std::uint64_t kMaxSmallFile = 16ull << 20;
Result<std::string> read_file(const Path& path, std::uint64_t max_bytes = kMaxSmallFile);

// Temp file beside it, fsync, rename, fsync of the directory: after a power loss there is either
// the old or the new content.
Result<void> write_file_atomic(const Path& path, std::string_view content, mode_t mode = 0644);

// Every byte, with EINTR and short writes dealt with.
Result<void> write_all(int fd, std::string_view bytes);

// O_CLOEXEC is always added.
Result<Fd> open_file(const Path& path, int flags, mode_t mode = 0644);

// Creates parents too; an existing directory is fine and keeps its mode.
Result<void> make_dirs(const Path& path, mode_t mode = 0755);
// Removes a tree; a missing one is fine. Does not follow symbolic links.
Result<void> remove_tree(const Path& path);
Result<void> fsync_dir(const Path& path);

// A directory of its own under `parent`, removed with everything in it at the end.
class TempDir {
 public:
  static Result<TempDir> create(const Path& parent = "/tmp", std::string_view prefix = "wrenn-");
  TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  TempDir& operator=(TempDir&&) = delete;
  ~TempDir();
  const Path& path() const { return path_; }

 private:
  explicit TempDir(Path path) : path_(std::move(path)) {}
  Path path_;
};

}  // namespace wrenn::base
