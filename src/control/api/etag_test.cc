#include "control/api/etag.h"

#include <gtest/gtest.h>

namespace wrenn::control {
namespace {

using Seen = std::optional<std::int64_t>;

Answer<Seen> seen(std::string_view name, std::string_view value) {
  return seen_version(net::Headers().with(name, value));
}

TEST(Etag, OneThatWasGivenIsUnderstood) {
  EXPECT_EQ(*seen("If-Match", etag_of(1'700'000'000'000)), 1'700'000'000'000);
  EXPECT_EQ(*seen("If-Match", "  \"7\" "), 7);
}

TEST(Etag, WithoutOneAnyVersionWillDo) {
  EXPECT_EQ(*seen_version({}), Seen());
  EXPECT_EQ(*seen("If-Match", "*"), Seen());
}

TEST(Etag, NoneMeansNew) {
  EXPECT_EQ(*seen("If-None-Match", "*"), 0);
  EXPECT_FALSE(seen("If-None-Match", "\"7\""));
}

TEST(Etag, AnythingElseIsAMistake) {
  for (const char* tag : {"", "\"", "\"\"", "7", "\"7", "\"7x\"", "\"-7\"", "W/\"7\"", "\"0\"",
                          "\"7\", \"8\"", "\"99999999999999999999\""}) {
    EXPECT_FALSE(seen("If-Match", tag)) << tag;
  }
}

}  // namespace
}  // namespace wrenn::control
