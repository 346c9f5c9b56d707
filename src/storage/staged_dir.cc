#include "storage/staged_dir.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/crypto.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::storage {
namespace {

using base::concat;
using base::Path;
using base::Result;

Result<void> sync_file(const Path& path) {
  WRENN_TRY_ASSIGN(base::Fd fd, base::open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  if (::fsync(fd.get()) != 0) return base::fail_errno(errno, concat("cannot sync ", path.native()));
  return {};
}

Result<void> sync_tree(const Path& root) {
  std::error_code error;
  std::filesystem::recursive_directory_iterator entries(root, error);
  for (const std::filesystem::recursive_directory_iterator end; !error && entries != end;
       entries.increment(error)) {
    const auto status = entries->symlink_status(error);
    if (error) break;
    if (std::filesystem::is_regular_file(status) || std::filesystem::is_directory(status)) {
      WRENN_TRY(sync_file(entries->path()));
    }
  }
  if (error) return base::fail_errno(error.value(), concat("cannot list ", root.native()));
  return base::fsync_dir(root);
}

}  // namespace

Result<StagedDir> StagedDir::create(const Path& target, mode_t mode) {
  std::error_code error;
  if (std::filesystem::exists(std::filesystem::symlink_status(target, error))) {
    return base::fail_errno(EEXIST, concat("cannot create ", target.native()));
  }
  WRENN_TRY(base::make_dirs(target.parent_path()));
  const Path path = concat(target.native(), ".tmp-", base::to_hex(base::random_bytes(6)));
  if (::mkdir(path.c_str(), mode) != 0) {
    return base::fail_errno(errno, concat("cannot create ", path.native()));
  }
  return StagedDir(target, path);
}

StagedDir::~StagedDir() {
  if (path_.empty()) return;
  if (auto removed = base::remove_tree(path_); !removed) {
    base::log_warn("a staged directory stays behind", {{"error", removed.error()}});
  }
}

Result<void> StagedDir::commit() {
  WRENN_TRY(sync_tree(path_));
  // Plain rename() would silently replace an empty directory.
  if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE) != 0) {
    return base::fail_errno(errno, concat("cannot publish ", target_.native()));
  }
  path_.clear();
  return base::fsync_dir(target_.parent_path());
}

}  // namespace wrenn::storage
