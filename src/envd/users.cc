#include "envd/users.h"

#include <algorithm>

#include "base/files.h"
#include "base/strings.h"

namespace wrenn::envd {

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
  WRENN_TRY_ASSIGN(const std::string passwd, base::read_file("/etc/passwd"));
  WRENN_TRY_ASSIGN(const std::string group, base::read_file("/etc/group"));
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

}  // namespace wrenn::envd
