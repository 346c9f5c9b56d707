#include "cli/lifecycle_arguments.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

TEST(LifecycleArguments, LimitsAreTimesOrNever) {
  EXPECT_EQ(parse_limit("15m"), 900);
  EXPECT_EQ(parse_limit("600"), 600);
  EXPECT_EQ(parse_limit("0"), 0);
  EXPECT_EQ(parse_limit("never"), 0);
  for (const char* text : {"", "-1", "soon", "1w"}) {
    const auto limit = parse_limit(text);
    ASSERT_FALSE(limit) << text;
    EXPECT_TRUE(limit.error().remedy.ends_with("or never"));
  }
}

TEST(LifecycleArguments, OnlyWhatWasSaidIsAsked) {
  EXPECT_EQ(boost::json::serialize(lifecycle_body({}).value()), "{}");
  EXPECT_EQ(
      boost::json::serialize(
          lifecycle_body({.timeout = "1h", .max_lifetime = "never", .on_timeout = "kill"}).value()),
      R"({"timeout_sec":3600,"max_lifetime_sec":0,"on_timeout":"kill"})");
  EXPECT_FALSE(lifecycle_body({.timeout = "x", .max_lifetime = {}, .on_timeout = {}}));
}

}  // namespace
}  // namespace wrenn::cli
