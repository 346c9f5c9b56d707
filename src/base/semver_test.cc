#include "base/semver.h"

#include <string>

#include <gtest/gtest.h>

namespace wrenn::base {
namespace {

TEST(Semver, ComparesByNumber) {
  EXPECT_LT(*Semver::parse("6.9"), *Semver::parse("6.10"));
  EXPECT_LT(*Semver::parse("6.1"), *Semver::parse("6.1.0"));
  EXPECT_LT(*Semver::parse("5.19.17"), *Semver::parse("6.1.2"));
  EXPECT_EQ(*Semver::parse("6.1.170"), *Semver::parse("6.1.170"));
}

TEST(Semver, OrdersPreReleasesBeforeAndLocalSuffixesAfterTheirVersion) {
  const char* ascending[] = {"6.9.9",      "6.10.0-alpha", "6.10.0-rc1",    "6.10.0-rc1.1",
                             "6.10.0-rc2", "6.10.0-rc9",   "6.10.0-rc10",   "6.10.0-rc10+a",
                             "6.10.0",     "6.10.0+1",     "6.10.0+2",      "6.10.0+10",
                             "6.10.0+a-9", "6.10.0+a-10",  "6.10.0+a-10.1", "6.10.1-rc1"};
  for (std::size_t i = 0; i < std::size(ascending); ++i) {
    for (std::size_t j = 0; j < std::size(ascending); ++j) {
      const auto left = Semver::parse(ascending[i]);
      const auto right = Semver::parse(ascending[j]);
      ASSERT_TRUE(left && right) << ascending[i] << ' ' << ascending[j];
      EXPECT_EQ(*left <=> *right, i <=> j) << ascending[i] << ' ' << ascending[j];
      EXPECT_EQ(*left == *right, i == j);
    }
  }
}

TEST(Semver, NumbersInSuffixesHaveAnyLength) {
  EXPECT_LT(*Semver::parse("1-99999999999999999999"), *Semver::parse("1-100000000000000000000"));
  EXPECT_NE(*Semver::parse("1-01") <=> *Semver::parse("1-1"), std::strong_ordering::equal)
      << "two texts are never the same version";
  EXPECT_LT(*Semver::parse("1-0"), *Semver::parse("1-00001"));
}

TEST(Semver, RefusesEverythingElse) {
  for (const char* text : {"",         ".",      "6.",     ".6",        "6..1",          "v6.1",
                           "6.1 ",     "-6.1",   "+6.1",   "1.2.3.4.5", "99999999999.1", "6.1-",
                           "6.1+",     "6.1-+a", "6.1-a+", "6.1+a+b",   "6.1-a/b",       "6.1+../x",
                           "6.1-rc_1", "6.1-é"}) {
    EXPECT_FALSE(Semver::parse(text)) << text;
  }
  EXPECT_TRUE(Semver::parse("6-" + std::string(62, 'a')));
  EXPECT_FALSE(Semver::parse("6-" + std::string(63, 'a')));
}

}  // namespace
}  // namespace wrenn::base
