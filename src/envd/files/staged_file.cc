#include "envd/files/staged_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/crypto.h"
#include "base/strings.h"
#include "envd/files/file_entry.h"

namespace wrenn::envd {
namespace {

using base::Code;

// Where a write to the path would really go.
base::Path follow_links(const base::Path& path) {
  std::error_code error;
  const base::Path real = std::filesystem::weakly_canonical(path, error);
  return error ? path : real;
}

// The mode of the file to be written: the present one's, or that of a new file.
base::Result<mode_t> choose_mode(const base::Path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return mode_t{0644};
    return base::fail_errno(errno, base::concat("cannot write ", to_text(path.native())));
  }
  if (S_ISREG(info.st_mode)) return info.st_mode & 0777;
  return base::fail(Code::kInvalidArgument,
                    base::concat(to_text(path.native()),
                                 S_ISDIR(info.st_mode) ? " is a directory" : " is not a file"));
}

}  // namespace

base::Result<StagedFile> StagedFile::create(const base::Path& target, const User& owner) {
  WRENN_TRY(make_owned_dirs(target.parent_path(), owner));
  const base::Path real = follow_links(target);
  WRENN_TRY_ASSIGN(const mode_t mode, choose_mode(real));
  const base::Path temp =
      real.parent_path() / base::concat(".upload-", base::to_hex(base::random_bytes(8)));
  WRENN_TRY_ASSIGN(base::Fd fd, base::open_file(temp, O_WRONLY | O_CREAT | O_EXCL, mode));
  StagedFile file(target, real, temp, std::move(fd));
  if (::fchown(file.fd_.get(), owner.uid, owner.gid) != 0) {
    return base::fail_errno(errno, "cannot give the file to the user");
  }
  if (::fchmod(file.fd_.get(), mode) != 0) return base::fail_errno(errno, "cannot set the mode");
  return file;
}

StagedFile::StagedFile(StagedFile&& other) noexcept
    : target_(std::move(other.target_)),
      real_target_(std::move(other.real_target_)),
      temp_(std::exchange(other.temp_, {})),
      fd_(std::move(other.fd_)) {}

StagedFile::~StagedFile() {
  if (!temp_.empty()) ::unlink(temp_.c_str());
}

base::Result<void> StagedFile::set_metadata(const Metadata& metadata) {
  return write_metadata(fd_.get(), metadata);
}

base::Result<void> StagedFile::write(std::string_view bytes) {
  return base::write_all(fd_.get(), bytes);
}

base::Result<void> StagedFile::close() {
  // Some file systems tell only here that they have no room.
  if (::close(fd_.release()) != 0) return base::fail_errno(errno, "cannot write");
  return {};
}

base::Result<void> StagedFile::commit() {
  if (fd_.valid()) WRENN_TRY(close());
  if (::rename(temp_.c_str(), real_target_.c_str()) != 0) {
    return base::fail_errno(errno, base::concat("cannot write ", to_text(target_.native())));
  }
  temp_.clear();
  return {};
}

}  // namespace wrenn::envd
