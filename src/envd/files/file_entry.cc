#include "envd/files/file_entry.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>

#include "base/strings.h"
#include "envd/files/file_metadata.h"

namespace wrenn::envd {
namespace {

constexpr mode_t kModeBits = 07777;

filesystem::FileType type_of(mode_t mode) {
  if (S_ISREG(mode)) return filesystem::FILE_TYPE_FILE;
  if (S_ISDIR(mode)) return filesystem::FILE_TYPE_DIRECTORY;
  return filesystem::FILE_TYPE_UNSPECIFIED;
}

std::string link_text(int directory, const char* name) {
  std::array<char, PATH_MAX> text{};
  const ssize_t size = ::readlinkat(directory, name, text.data(), text.size());
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
}

// The path itself when it cannot be resolved (any more).
std::string real_path(const std::string& path) {
  std::array<char, PATH_MAX> resolved{};
  return ::realpath(path.c_str(), resolved.data()) != nullptr ? resolved.data() : path;
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

std::string permission_text(mode_t mode) {
  std::string text;
  if (S_ISDIR(mode)) text += 'd';
  if (S_ISLNK(mode)) text += 'L';
  if (S_ISCHR(mode) || S_ISBLK(mode)) text += 'D';
  if (S_ISFIFO(mode)) text += 'p';
  if (S_ISSOCK(mode)) text += 'S';
  if ((mode & S_ISUID) != 0) text += 'u';
  if ((mode & S_ISGID) != 0) text += 'g';
  if (S_ISCHR(mode)) text += 'c';
  if ((mode & S_ISVTX) != 0) text += 't';
  if (text.empty()) text += '-';
  constexpr std::string_view kBits = "rwxrwxrwx";
  for (std::size_t i = 0; i < kBits.size(); ++i) {
    text += (mode & (0400U >> i)) != 0 ? kBits[i] : '-';
  }
  return text;
}

base::Result<filesystem::EntryInfo> EntryReader::read(int directory, const char* name,
                                                      const std::string& path) {
  struct stat own{};
  if (::fstatat(directory, name, &own, AT_SYMLINK_NOFOLLOW) != 0) {
    return base::fail_errno(errno, to_text(path));
  }
  filesystem::EntryInfo entry;
  struct stat target = own;
  if (S_ISLNK(own.st_mode)) {
    // A broken link has no target: it shows its own mode and what it says.
    const bool is_broken = ::fstatat(directory, name, &target, 0) != 0;
    if (is_broken) target = own;
    entry.set_symlink_target(to_text(is_broken ? link_text(directory, name) : real_path(path)));
  }
  const std::size_t slash = path.rfind('/');
  entry.set_name(to_text(path == "/" ? path : path.substr(slash + 1)));
  entry.set_path(to_text(path));
  entry.set_type(type_of(target.st_mode));
  entry.set_size(own.st_size);
  entry.set_mode(target.st_mode & kModeBits);
  entry.set_permissions(permission_text(own.st_mode));
  entry.set_owner(user_name(own.st_uid));
  entry.set_group(group_name(own.st_gid));
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

const std::string& EntryReader::user_name(uid_t uid) {
  const auto [known, is_new] = user_names_.try_emplace(uid);
  if (is_new) known->second = to_text(users_.user_name(uid));
  return known->second;
}

const std::string& EntryReader::group_name(gid_t gid) {
  const auto [known, is_new] = group_names_.try_emplace(gid);
  if (is_new) known->second = to_text(users_.group_name(gid));
  return known->second;
}

base::Result<filesystem::EntryInfo> describe(const base::Path& path, const UserDatabase& users) {
  return EntryReader(users).read(AT_FDCWD, path.c_str(), path.native());
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
