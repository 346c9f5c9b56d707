// What is at a path, as the wire describes it. Blocking.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <string_view>

#include "base/files.h"
#include "base/result.h"
#include "envd/users.h"
#include "proto/filesystem.pb.h"

namespace wrenn::envd {

// Describes many entries: what it has learned about one helps with the next. For one thread.
class EntryReader {
 public:
  // `users` must outlive it.
  explicit EntryReader(const UserDatabase& users) : users_(users) {}

  // The entry `name` of an open directory, whose full path is `path`. kNotFound when nothing is
  // there.
  base::Result<filesystem::EntryInfo> read(int directory, const char* name,
                                           const std::string& path);

 private:
  const std::string& user_name(uid_t uid);
  const std::string& group_name(gid_t gid);

  const UserDatabase& users_;
  std::map<uid_t, std::string> user_names_;
  std::map<gid_t, std::string> group_names_;
};

// One entry. kNotFound when nothing is there.
base::Result<filesystem::EntryInfo> describe(const base::Path& path, const UserDatabase& users);

// Makes the missing directories of the path, each owned by the user. kInvalidArgument when a part
// of it is no directory.
base::Result<void> make_owned_dirs(const base::Path& path, const User& owner);

// As Go writes a mode: "-rw-r--r--", "drwxr-xr-x", "Lrwxrwxrwx", "dtrwxrwxrwx", "Dcrw-rw-rw-".
// Clients tell links and directories by the letters. Pure.
std::string permission_text(mode_t mode);

// Names on disk are bytes, text on the wire is UTF-8: other bytes become U+FFFD.
std::string to_text(std::string_view bytes);

}  // namespace wrenn::envd
