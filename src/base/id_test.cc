#include "base/id.h"

#include <set>

#include <gtest/gtest.h>

namespace wrenn::base {
namespace {

TEST(Uuid, IsVersionFour) {
  const std::string text = Uuid::random().to_string();
  ASSERT_EQ(text.size(), 36u);
  EXPECT_EQ(text[14], '4');
  EXPECT_NE(std::string("89ab").find(text[19]), std::string::npos);
  for (const std::size_t dash : {8u, 13u, 18u, 23u}) EXPECT_EQ(text[dash], '-');
}

TEST(Uuid, BothFormsNameTheSame) {
  for (int i = 0; i < 1000; ++i) {
    const Uuid id = Uuid::random();
    ASSERT_EQ(Uuid::from_base36(id.to_base36()), id);
  }
  EXPECT_EQ(Uuid().to_base36(), std::string(25, '0'));
  EXPECT_EQ(Uuid().to_string(), "00000000-0000-0000-0000-000000000000");
}

TEST(Uuid, RefusesWhatIsNotExactlyOne) {
  EXPECT_FALSE(Uuid::from_base36(""));
  EXPECT_FALSE(Uuid::from_base36(std::string(24, '0')));
  EXPECT_FALSE(Uuid::from_base36(std::string(26, '0')));
  EXPECT_FALSE(Uuid::from_base36(std::string(24, '0') + "A"));
  EXPECT_FALSE(Uuid::from_base36(std::string(24, '0') + "-"));
  // 2^128 - 1 is the last that fits.
  EXPECT_EQ(Uuid::from_base36("f5lxx1zz5pnorynqglhzmsp33")->to_string(),
            "ffffffff-ffff-ffff-ffff-ffffffffffff");
  EXPECT_FALSE(Uuid::from_base36("f5lxx1zz5pnorynqglhzmsp34"));
  EXPECT_FALSE(Uuid::from_base36(std::string(25, 'z')));
}

TEST(Id, IsItsPrefixAndNothingElse) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) seen.insert(new_id(kSandboxPrefix));
  EXPECT_EQ(seen.size(), 100u);
  const std::string id = *seen.begin();
  EXPECT_TRUE(is_id(kSandboxPrefix, id));
  EXPECT_FALSE(is_id(kHostPrefix, id));
  EXPECT_FALSE(is_id(kSandboxPrefix, id + "0"));
  EXPECT_FALSE(is_id(kSandboxPrefix, "cl-../../etc/passwd"));
}

}  // namespace
}  // namespace wrenn::base
