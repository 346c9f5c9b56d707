#include "base/semver.h"

#include <gtest/gtest.h>

namespace wrenn::base {
namespace {

TEST(Semver, ComparesByNumber) {
  EXPECT_LT(*Semver::parse("6.9"), *Semver::parse("6.10"));
  EXPECT_LT(*Semver::parse("6.1"), *Semver::parse("6.1.0"));
  EXPECT_LT(*Semver::parse("5.19.17"), *Semver::parse("6.1.2"));
  EXPECT_EQ(*Semver::parse("6.1.170"), *Semver::parse("6.1.170"));
}

TEST(Semver, RefusesEverythingElse) {
  for (const char* text : {"", ".", "6.", ".6", "6..1", "6.1-rc1", "v6.1", "6.1 ", "-6.1", "+6.1",
                           "1.2.3.4.5", "99999999999.1"}) {
    EXPECT_FALSE(Semver::parse(text)) << text;
  }
}

}  // namespace
}  // namespace wrenn::base
