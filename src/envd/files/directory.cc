#include "envd/files/directory.h"

#include <dirent.h>
#include <fcntl.h>

#include <cerrno>
#include <memory>

#include "envd/files/file_entry.h"

namespace wrenn::envd {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

base::Result<base::Fd> open_directory(int parent, const std::string& path, Follow follow) {
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow == Follow::kNo ? O_NOFOLLOW : 0);
  base::Fd fd(::openat(parent, path.c_str(), flags));
  if (!fd.valid()) return base::fail_errno(errno, to_text(path));
  return fd;
}

base::Result<std::vector<Child>> read_children(const base::Fd& directory, std::size_t limit) {
  base::Fd copy(::fcntl(directory.get(), F_DUPFD_CLOEXEC, 0));
  const std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(copy.get()));
  if (stream == nullptr) return base::fail_errno(errno, "cannot read a directory");
  copy.release();
  // The copy shares its place with the original.
  ::rewinddir(stream.get());
  std::vector<Child> children;
  while (children.size() < limit) {
    errno = 0;
    const dirent* entry = ::readdir(stream.get());
    // A directory that was removed meanwhile reads as empty or as missing.
    if (entry == nullptr && errno != 0 && errno != ENOENT) {
      return base::fail_errno(errno, "cannot read a directory");
    }
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") children.push_back({std::string(name), entry->d_type});
  }
  return children;
}

}  // namespace wrenn::envd
