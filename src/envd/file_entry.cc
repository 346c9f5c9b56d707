#include "envd/file_entry.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/strings.h"
#include "envd/file_metadata.h"

namespace wrenn::envd {
namespace {

constexpr mode_t kModeBits = 07777;

// As `ls -l` writes it.
std::string permission_text(mode_t mode) {
  std::string text = "-rwxrwxrwx";
  if (S_ISDIR(mode)) text[0] = 'd';
  if (S_ISLNK(mode)) text[0] = 'l';
  if (S_ISCHR(mode)) text[0] = 'c';
  if (S_ISBLK(mode)) text[0] = 'b';
  if (S_ISFIFO(mode)) text[0] = 'p';
  if (S_ISSOCK(mode)) text[0] = 's';
  for (std::size_t i = 0; i < 9; ++i) {
    if ((mode & (0400U >> i)) == 0) text[i + 1] = '-';
  }
  const std::array<mode_t, 3> special = {S_ISUID, S_ISGID, S_ISVTX};
  for (std::size_t i = 0; i < special.size(); ++i) {
    if ((mode & special[i]) == 0) continue;
    char& c = text[3 * i + 3];
    const char set = i == 2 ? 't' : 's';
    c = c == 'x' ? set : static_cast<char>(set - 'a' + 'A');
  }
  return text;
}

filesystem::FileType type_of(mode_t mode) {
  if (S_ISREG(mode)) return filesystem::FILE_TYPE_FILE;
  if (S_ISDIR(mode)) return filesystem::FILE_TYPE_DIRECTORY;
  return filesystem::FILE_TYPE_UNSPECIFIED;
}

}  // namespace

std::string to_text(std::string_view bytes) {
  if (base::is_valid_utf8(bytes)) return std::string(bytes);
  std::string text;
  for (const char c : bytes) {
    if (static_cast<unsigned char>(c) < 0x80) {
      text += c;
    } else {
      text += "\xef\xbf\xbd";
    }
  }
  return text;
}

base::Result<filesystem::EntryInfo> describe(const base::Path& path, const UserDatabase& users) {
  struct stat own{};
  if (::lstat(path.c_str(), &own) != 0) return base::fail_errno(errno, to_text(path.native()));
  filesystem::EntryInfo entry;
  struct stat target = own;
  if (S_ISLNK(own.st_mode)) {
    std::error_code error;
    const base::Path resolved = std::filesystem::canonical(path, error);
    const bool is_broken = error || ::stat(path.c_str(), &target) != 0;
    entry.set_symlink_target(to_text(is_broken ? std::filesystem::read_symlink(path, error).native()
                                               : resolved.native()));
  }
  entry.set_name(to_text(path == "/" ? std::string("/") : path.filename().native()));
  entry.set_path(to_text(path.native()));
  entry.set_type(type_of(target.st_mode));
  entry.set_size(own.st_size);
  entry.set_mode(target.st_mode & kModeBits);
  entry.set_permissions(permission_text(own.st_mode));
  entry.set_owner(to_text(users.user_name(own.st_uid)));
  entry.set_group(to_text(users.group_name(own.st_gid)));
  entry.mutable_modified_time()->set_seconds(own.st_mtim.tv_sec);
  entry.mutable_modified_time()->set_nanos(static_cast<int>(own.st_mtim.tv_nsec));
  // Only these two can have any; a link's are its target's.
  if (S_ISREG(target.st_mode) || S_ISDIR(target.st_mode)) {
    for (auto& [key, value] : read_metadata(path)) {
      (*entry.mutable_metadata())[key] = std::move(value);
    }
  }
  return entry;
}

base::Result<void> make_owned_dirs(const base::Path& path, const User& owner) {
  base::Path partial;
  for (const auto& part : path) {
    partial /= part;
    if (part == "/" || part.empty()) continue;
    if (::mkdir(partial.c_str(), 0755) == 0) {
      if (::lchown(partial.c_str(), owner.uid, owner.gid) != 0) {
        return base::fail_errno(errno,
                                base::concat("cannot give away ", to_text(partial.native())));
      }
    } else if (errno != EEXIST) {
      return base::fail_errno(errno, base::concat("cannot make ", to_text(partial.native())));
    }
  }
  struct stat made{};
  if (::stat(path.c_str(), &made) == 0 && S_ISDIR(made.st_mode)) return {};
  return base::fail(base::Code::kInvalidArgument,
                    base::concat(to_text(path.native()), " is not a directory"));
}

}  // namespace wrenn::envd
