#include "envd/users.h"

#include <sys/stat.h>

#include <algorithm>
#include <ctime>

#include <gtest/gtest.h>

namespace wrenn::envd {
namespace {

UserDatabase database() {
  return {parse_passwd("root:x:0:0:root:/root:/bin/bash\n"
                       "# a comment\n"
                       "broken:x:abc:1::/:/bin/sh\n"
                       "user:x:1000:1001:,,,:/home/user:\n"),
          parse_group("root:x:0:\nsudo:x:27:user,other\nuser:x:1001:user\nbad line\n")};
}

TEST(Users, FoundByName) {
  const auto user = database().find("user");
  ASSERT_TRUE(user);
  EXPECT_EQ(user->uid, 1000U);
  EXPECT_EQ(user->gid, 1001U);
  EXPECT_EQ(user->home, "/home/user");
  EXPECT_EQ(user->shell, "/bin/sh");
  const auto nobody = database().find("broken");
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, base::Code::kUnauthenticated);
  EXPECT_EQ(nobody.error().message, "invalid username: 'broken'");
}

TEST(Users, GroupsAndNames) {
  const UserDatabase users = database();
  EXPECT_EQ(users.groups_of(*users.find("user")), (std::vector<gid_t>{1001, 27}));
  EXPECT_EQ(users.groups_of(*users.find("root")), (std::vector<gid_t>{0}));
  EXPECT_EQ(users.user_name(1000), "user");
  EXPECT_EQ(users.user_name(4242), "4242");
  EXPECT_EQ(users.group_name(27), "sudo");
}

TEST(Users, AreReadOnce) {
  UserCache cache;
  const auto first = cache.get();
  const auto second = cache.get();
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  EXPECT_TRUE((*second)->find("root"));
  // Unless a file has changed just now.
  struct stat passwd{};
  struct stat group{};
  ASSERT_EQ(::stat("/etc/passwd", &passwd), 0);
  ASSERT_EQ(::stat("/etc/group", &group), 0);
  const bool is_old = std::max(passwd.st_ctime, group.st_ctime) < std::time(nullptr) - 5;
  if (is_old) EXPECT_EQ(first->get(), second->get());
}

}  // namespace
}  // namespace wrenn::envd
