#include "envd/files/validators.h"

#include <gtest/gtest.h>

namespace wrenn::envd {
namespace {

constexpr std::int64_t kTime = 784'111'777;
constexpr const char* kDate = "Sun, 06 Nov 1994 08:49:37 GMT";
constexpr const char* kLater = "Sun, 06 Nov 1994 08:49:38 GMT";
constexpr const char* kEarlier = "Sun, 06 Nov 1994 08:49:36 GMT";

Condition check(const char* name, const char* value) {
  return check_conditions(net::Headers().with(name, value), {"\"a-1\"", kTime});
}

TEST(HttpDate, BothWays) {
  EXPECT_EQ(http_date(kTime), kDate);
  EXPECT_EQ(parse_http_date(kDate), kTime);
  EXPECT_EQ(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(parse_http_date("Fri, 29 Feb 2036 23:59:59 GMT"), 2'087'942'399);
}

TEST(HttpDate, WhatIsNone) {
  for (const char* text :
       {"", "yesterday", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
        "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 -8:49:37 GMT"}) {
    EXPECT_FALSE(parse_http_date(text)) << text;
  }
}

TEST(Conditions, Match) {
  EXPECT_EQ(check("If-Match", "\"a-1\""), Condition::kHolds);
  EXPECT_EQ(check("If-Match", "\"b\", \"a-1\""), Condition::kHolds);
  EXPECT_EQ(check("If-Match", "*"), Condition::kHolds);
  EXPECT_EQ(check("If-Match", "\"b\""), Condition::kFailed);
  EXPECT_EQ(check("If-Match", "W/\"a-1\""), Condition::kFailed);
  EXPECT_EQ(check("If-Match", "a-1"), Condition::kFailed);
  EXPECT_EQ(check("If-Unmodified-Since", kDate), Condition::kHolds);
  EXPECT_EQ(check("If-Unmodified-Since", kEarlier), Condition::kFailed);
  EXPECT_EQ(check("If-Unmodified-Since", "nonsense"), Condition::kHolds);
}

TEST(Conditions, NoneMatch) {
  EXPECT_EQ(check("If-None-Match", "\"a-1\""), Condition::kNotModified);
  EXPECT_EQ(check("If-None-Match", "W/\"a-1\""), Condition::kNotModified);
  EXPECT_EQ(check("If-None-Match", "\"b\" , \"a-1\""), Condition::kNotModified);
  EXPECT_EQ(check("If-None-Match", "\"b\""), Condition::kHolds);
  EXPECT_EQ(check("If-Modified-Since", kDate), Condition::kNotModified);
  EXPECT_EQ(check("If-Modified-Since", kLater), Condition::kNotModified);
  EXPECT_EQ(check("If-Modified-Since", kEarlier), Condition::kHolds);
}

TEST(Conditions, TagsGoBeforeDates) {
  const auto headers =
      net::Headers().with("If-None-Match", "\"b\"").with("If-Modified-Since", kDate);
  EXPECT_EQ(check_conditions(headers, {"\"a-1\"", kTime}), Condition::kHolds);
}

TEST(Conditions, IfRange) {
  const auto applies = [](const char* value) {
    return range_applies(net::Headers().with("If-Range", value), {"\"a-1\"", kTime});
  };
  EXPECT_TRUE(applies("\"a-1\""));
  EXPECT_TRUE(applies(kDate));
  EXPECT_FALSE(applies("W/\"a-1\""));
  EXPECT_FALSE(applies("\"b\""));
  EXPECT_FALSE(applies(kLater));
  EXPECT_FALSE(applies(""));
  EXPECT_TRUE(range_applies(net::Headers(), {"\"a-1\"", kTime}));
}

TEST(Validators, DifferForEveryFormOfAFile) {
  struct stat file{};
  file.st_ino = 255;
  file.st_size = 16;
  file.st_mtim = {1, 1};
  EXPECT_EQ(validators_of(file, "").etag, "\"ff-10-3b9aca01\"");
  EXPECT_EQ(validators_of(file, "-gzip").etag, "\"ff-10-3b9aca01-gzip\"");
}

}  // namespace
}  // namespace wrenn::envd
