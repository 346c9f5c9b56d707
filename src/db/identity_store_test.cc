#include "db/identity_store.h"

#include <string>

#include <gtest/gtest.h>

#include "db/test_database.h"
#include "db/user_store.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::Secret;

class IdentityStoreTest : public testing::Test {
 protected:
  std::string user(const std::string& name, const char* password_hash = "") {
    return users_
        .create({.email = name + "@example.com",
                 .name = name,
                 .password_hash = Secret(password_hash),
                 .status = UserStatus::kActive})
        ->id;
  }
  static Identity identity(const std::string& provider, const std::string& id,
                           const std::string& user) {
    return {.provider = provider, .provider_id = id, .user_id = user, .email = "a@b"};
  }

  TestDatabase test_;
  UserStore users_{test_.database, test_.clock()};
  IdentityStore identities_{test_.database, test_.clock()};
};

TEST_F(IdentityStoreTest, AnIdentityIsOneUsersAndAUserHasOneAtEachProvider) {
  const std::string ann = user("ann");
  const std::string bob = user("bob");
  EXPECT_EQ(identities_.find("github", "1").error().code, Code::kNotFound);
  ASSERT_TRUE(identities_.link(identity("github", "1", ann)));
  EXPECT_EQ(identities_.find("github", "1")->user_id, ann);
  EXPECT_EQ(identities_.find("other", "1").error().code, Code::kNotFound);
  EXPECT_EQ(identities_.link(identity("github", "1", bob)).error().code, Code::kAlreadyExists);
  EXPECT_EQ(identities_.link(identity("github", "2", ann)).error().code, Code::kAlreadyExists);
  EXPECT_EQ(identities_.find("github", "1")->user_id, ann);
  ASSERT_TRUE(identities_.link(identity("another", "2", ann)));
  const auto all = identities_.of_user(ann).value();
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].provider, "another");
  EXPECT_EQ(all[1].email, "a@b");
  EXPECT_TRUE(identities_.of_user(bob)->empty());
}

TEST_F(IdentityStoreTest, TheLastWayInStays) {
  const std::string ann = user("ann");
  EXPECT_EQ(identities_.unlink(ann, "github").value(), Unlinked::kWasNotThere);
  ASSERT_TRUE(identities_.link(identity("github", "1", ann)));
  EXPECT_EQ(identities_.unlink(ann, "github").value(), Unlinked::kIsLastWayIn);
  EXPECT_TRUE(identities_.find("github", "1"));
  ASSERT_TRUE(identities_.link(identity("other", "1", ann)));
  EXPECT_EQ(identities_.unlink(ann, "github").value(), Unlinked::kDone);
  EXPECT_EQ(identities_.unlink(ann, "other").value(), Unlinked::kIsLastWayIn);
  ASSERT_TRUE(users_.set_password(ann, Secret("hash")));
  EXPECT_EQ(identities_.unlink(ann, "other").value(), Unlinked::kDone);
  EXPECT_TRUE(identities_.of_user(ann)->empty());
}

TEST_F(IdentityStoreTest, ADeletedUsersIdentityIsFreeAgain) {
  const std::string ann = user("ann");
  ASSERT_TRUE(identities_.link(identity("github", "1", ann)));
  ASSERT_TRUE(users_.remove(ann));
  EXPECT_EQ(identities_.find("github", "1").error().code, Code::kNotFound);
}

TEST_F(IdentityStoreTest, AStateIsUsedOnce) {
  const std::int64_t now = test_.clock()();
  EXPECT_TRUE(identities_.use_state("a", now + 1000).value());
  EXPECT_FALSE(identities_.use_state("a", now + 1000).value());
  EXPECT_TRUE(identities_.use_state("b", now - 1).value());
  ASSERT_TRUE(identities_.clear_old());
  EXPECT_FALSE(identities_.use_state("a", now + 1000).value());
  EXPECT_TRUE(identities_.use_state("b", now - 1).value()) << "forgotten";
}

}  // namespace
}  // namespace wrenn::db
