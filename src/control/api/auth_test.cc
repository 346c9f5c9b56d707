#include "control/api/auth.h"

#include <gtest/gtest.h>

namespace wrenn::control {
namespace {

std::string key(net::Headers headers) {
  const auto found = key_of(headers);
  return found ? std::string(found->reveal()) : std::string(wire_name(found.error().code));
}

TEST(AuthTest, TakesTheKeyFromEitherHeader) {
  EXPECT_EQ(key(net::Headers().with("X-API-Key", "wrn_1")), "wrn_1");
  EXPECT_EQ(key(net::Headers().with("Authorization", "Bearer wrn_2")), "wrn_2");
  EXPECT_EQ(key(net::Headers().with("Authorization", "bearer  wrn_2 ")), "wrn_2");
  EXPECT_EQ(key(net::Headers().with("X-API-Key", "a").with("Authorization", "Bearer b")), "a");
}

TEST(AuthTest, RefusesARequestWithoutOne) {
  EXPECT_EQ(key({}), "unauthorized");
  EXPECT_EQ(key(net::Headers().with("X-API-Key", "")), "unauthorized");
  EXPECT_EQ(key(net::Headers().with("Authorization", "Basic abc")), "unauthorized");
  EXPECT_EQ(key(net::Headers().with("Authorization", "Bear")), "unauthorized");
}

}  // namespace
}  // namespace wrenn::control
