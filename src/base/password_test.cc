#include "base/password.h"

#include <gtest/gtest.h>

namespace wrenn::base {
namespace {

TEST(PasswordTest, IsKeptAsArgon2idWithASaltOfItsOwn) {
  const Secret password("correct horse battery staple");
  const Secret hash = hash_password(password).value();
  EXPECT_TRUE(hash.reveal().starts_with("$argon2id$v=19$m=65536,t=2,p=1$")) << hash.reveal();
  EXPECT_NE(hash.reveal(), hash_password(password).value().reveal());
  EXPECT_TRUE(verify_password(hash, password));
  EXPECT_FALSE(verify_password(hash, Secret("correct horse battery stable")));
  EXPECT_FALSE(verify_password(hash, Secret()));
}

TEST(PasswordTest, NoHashAndBrokenOnesAreNobodys) {
  EXPECT_FALSE(verify_password(Secret(), Secret()));
  EXPECT_FALSE(verify_password(Secret("x"), Secret("x")));
  EXPECT_FALSE(verify_password(Secret("$argon2id$v=19$m=65536,t=2,p=1$"), Secret("x")));
}

}  // namespace
}  // namespace wrenn::base
