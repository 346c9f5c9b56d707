#include "storage/objects/directory_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/crypto.h"
#include "base/strings.h"
#include "storage/file_range.h"

namespace wrenn::storage {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::string_view kUnfinished = ".tmp-";

Result<base::Fd> open_in_new_directory(const base::Path& path) {
  WRENN_TRY(base::make_dirs(path.parent_path(), 0700));
  return base::open_file(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
}

}  // namespace

Result<void> DirectoryStore::put(const std::string& key, int fd, std::uint64_t size) {
  const base::Path path = root_ / key;
  const base::Path staged =
      path.parent_path() / concat(kUnfinished, base::to_hex(base::random_bytes(8)));
  auto opened = open_in_new_directory(staged);
  for (int again = 0; !opened && opened.error().code == Code::kNotFound && again < 3; ++again) {
    opened = open_in_new_directory(staged);  // Somebody removed the last file there, and it.
  }
  if (!opened) return base::fail(std::move(opened).error());
  const base::Fd file = *std::move(opened);
  auto done = copy_range(fd, file.get(), 0, size);
  if (done && ::fsync(file.get()) != 0) done = base::fail_errno(errno, "cannot sync a file");
  if (done && ::rename(staged.c_str(), path.c_str()) != 0) {
    done = base::fail_errno(errno, concat("cannot make ", path.native()));
  }
  if (done) return base::fsync_dir(path.parent_path());
  ::unlink(staged.c_str());
  return done;
}

Result<void> DirectoryStore::get(const std::string& key, int fd, std::uint64_t max) {
  WRENN_TRY_ASSIGN(const base::Fd file, base::open_file(root_ / key, O_RDONLY));
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return base::fail_errno(errno, "cannot examine a file");
  if (static_cast<std::uint64_t>(info.st_size) > max) {
    return base::fail(Code::kDataLoss, concat(key, " is larger than it may be"));
  }
  return copy_range(file.get(), fd, 0, static_cast<std::uint64_t>(info.st_size));
}

Result<bool> DirectoryStore::exists(const std::string& key) {
  struct stat info{};
  if (::stat((root_ / key).c_str(), &info) == 0) return true;
  if (errno == ENOENT) return false;
  return base::fail_errno(errno, concat("cannot look for ", key));
}

Result<void> DirectoryStore::remove(const std::string& key) {
  const base::Path path = root_ / key;
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return base::fail_errno(errno, concat("cannot remove ", key));
  }
  // Directories are no objects: they go with the last that is in them.
  for (base::Path above = path.parent_path(); above != root_ && ::rmdir(above.c_str()) == 0;) {
    above = above.parent_path();
  }
  return {};
}

Result<std::vector<std::string>> DirectoryStore::list(const std::string& prefix) {
  std::vector<std::string> keys;
  std::error_code error;
  const base::Path under = root_ / prefix.substr(0, prefix.rfind('/') + 1);
  if (!std::filesystem::exists(under, error)) return keys;
  for (auto it = std::filesystem::recursive_directory_iterator(under, error);
       !error && it != std::filesystem::recursive_directory_iterator(); it.increment(error)) {
    if (!it->is_regular_file(error) || error) continue;
    const std::string key = it->path().lexically_relative(root_);
    if (key.starts_with(prefix)) keys.push_back(key);
  }
  if (error) return base::fail_errno(error.value(), concat("cannot list ", root_.native()));
  std::ranges::sort(keys);
  return keys;
}

}  // namespace wrenn::storage
