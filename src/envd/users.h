// The guest's users and groups, read from /etc/passwd and /etc/group: a static program has no
// name service. Parsing is pure; reading is blocking, but the files are small.
#pragma once

#include <sys/types.h>

#include <array>
#include <ctime>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace wrenn::envd {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::string home;
  std::string shell;
};

struct Group {
  std::string name;
  gid_t gid = 0;
  std::vector<std::string> members;
};

// Malformed lines are left out.
std::vector<User> parse_passwd(std::string_view text);
std::vector<Group> parse_group(std::string_view text);

// A moment's view of both files.
class UserDatabase {
 public:
  static base::Result<UserDatabase> read();
  UserDatabase(std::vector<User> users, std::vector<Group> groups)
      : users_(std::move(users)), groups_(std::move(groups)) {}

  // kUnauthenticated for an unknown name.
  base::Result<User> find(std::string_view name) const;
  // The primary group and every group that lists the user.
  std::vector<gid_t> groups_of(const User& user) const;
  // The number as text where there is no name.
  std::string user_name(uid_t uid) const;
  std::string group_name(gid_t gid) const;

 private:
  std::vector<User> users_;
  std::vector<Group> groups_;
};

// The database as the files are now, read again only when they have changed. Thread-safe.
class UserCache {
 public:
  base::Result<std::shared_ptr<const UserDatabase>> get();

 private:
  // What tells one version of a file from another.
  struct Version {
    ino_t inode = 0;
    off_t size = -1;
    timespec changed{};
    bool operator==(const Version& other) const;
  };
  using Versions = std::array<Version, 2>;
  static Versions look();

  std::mutex mutex_;
  Versions versions_;
  std::shared_ptr<const UserDatabase> users_;
};

}  // namespace wrenn::envd
