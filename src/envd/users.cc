#include "envd/users.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/files.h"
#include "base/strings.h"

namespace wrenn::envd {
namespace {

constexpr const char* kPasswd = "/etc/passwd";
constexpr const char* kGroup = "/etc/group";

// A file that changed just now may change again without its time telling.
bool is_recent(const timespec& changed) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec - changed.tv_sec <= 1;
}

}  // namespace

std::vector<User> parse_passwd(std::string_view text) {
  std::vector<User> users;
  for (const std::string_view line : base::split(text, '\n')) {
    const auto fields = base::split(line, ':');
    if (fields.size() != 7 || fields[0].empty()) continue;
    const auto uid = base::parse_int<uid_t>(fields[2]);
    const auto gid = base::parse_int<gid_t>(fields[3]);
    if (!uid || !gid) continue;
    users.push_back({std::string(fields[0]), *uid, *gid,
                     std::string(fields[5].empty() ? "/" : fields[5]),
                     std::string(fields[6].empty() ? "/bin/sh" : fields[6])});
  }
  return users;
}

std::vector<Group> parse_group(std::string_view text) {
  std::vector<Group> groups;
  for (const std::string_view line : base::split(text, '\n')) {
    const auto fields = base::split(line, ':');
    if (fields.size() != 4 || fields[0].empty()) continue;
    const auto gid = base::parse_int<gid_t>(fields[2]);
    if (!gid) continue;
    Group group{std::string(fields[0]), *gid, {}};
    for (const std::string_view member : base::split(fields[3], ',')) {
      if (!member.empty()) group.members.emplace_back(member);
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

base::Result<UserDatabase> UserDatabase::read() {
  WRENN_TRY_ASSIGN(const std::string passwd, base::read_file(kPasswd));
  WRENN_TRY_ASSIGN(const std::string group, base::read_file(kGroup));
  return UserDatabase(parse_passwd(passwd), parse_group(group));
}

base::Result<User> UserDatabase::find(std::string_view name) const {
  const auto user = std::ranges::find(users_, name, &User::name);
  if (user != users_.end()) return *user;
  return base::fail(base::Code::kUnauthenticated, base::concat("invalid username: '", name, "'"));
}

std::vector<gid_t> UserDatabase::groups_of(const User& user) const {
  std::vector<gid_t> gids = {user.gid};
  for (const Group& group : groups_) {
    const bool is_member = std::ranges::find(group.members, user.name) != group.members.end();
    if (is_member && group.gid != user.gid) gids.push_back(group.gid);
  }
  return gids;
}

std::string UserDatabase::user_name(uid_t uid) const {
  const auto user = std::ranges::find(users_, uid, &User::uid);
  return user != users_.end() ? user->name : base::concat(uid);
}

std::string UserDatabase::group_name(gid_t gid) const {
  const auto group = std::ranges::find(groups_, gid, &Group::gid);
  return group != groups_.end() ? group->name : base::concat(gid);
}

bool UserCache::Version::operator==(const Version& other) const {
  return inode == other.inode && size == other.size && changed.tv_sec == other.changed.tv_sec &&
         changed.tv_nsec == other.changed.tv_nsec;
}

UserCache::Versions UserCache::look() {
  Versions versions;
  const std::array<const char*, 2> files = {kPasswd, kGroup};
  for (std::size_t i = 0; i < files.size(); ++i) {
    struct stat info{};
    if (::stat(files[i], &info) == 0) versions[i] = {info.st_ino, info.st_size, info.st_ctim};
  }
  return versions;
}

base::Result<std::shared_ptr<const UserDatabase>> UserCache::get() {
  const std::lock_guard lock(mutex_);
  const Versions now = look();
  if (users_ != nullptr && now == versions_) return users_;
  users_.reset();
  WRENN_TRY_ASSIGN(UserDatabase users, UserDatabase::read());
  auto shared = std::make_shared<const UserDatabase>(std::move(users));
  if (!is_recent(now[0].changed) && !is_recent(now[1].changed)) {
    users_ = shared;
    versions_ = now;
  }
  return shared;
}

}  // namespace wrenn::envd
