#include "control/api/listing.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::control {
namespace {

using db::SandboxState;

constexpr std::string_view kId = "cl-0000000000000000000000001";

TEST(Listing, HasWhatTheQueryAsksFor) {
  const auto query = parse_listing(base::concat(
      "status=running,paused&template=mine&label=user%3Dann&label=a=b%20c&host_id=host-1&limit=7&"
      "cursor=12-",
      kId));
  ASSERT_TRUE(query) << query.error().message;
  EXPECT_EQ(query->states, (std::vector{SandboxState::kRunning, SandboxState::kPaused}));
  EXPECT_EQ(query->template_name, "mine");
  EXPECT_EQ(query->labels, (std::map<std::string, std::string>{{"a", "b c"}, {"user", "ann"}}));
  EXPECT_EQ(query->host_id, "host-1");
  EXPECT_EQ(query->limit, 7);
  EXPECT_EQ(query->before_created_at, 12);
  EXPECT_EQ(query->before_id, kId);
}

TEST(Listing, WithoutAQueryIsTheFirstPageOfWhatIsThere) {
  for (const char* text : {"", "limit=", "other=1", "&&"}) {
    const auto query = parse_listing(text);
    ASSERT_TRUE(query) << text;
    EXPECT_TRUE(query->states.empty());
    EXPECT_EQ(query->limit, db::kMaxSandboxPage);
    EXPECT_FALSE(query->before_created_at);
  }
  EXPECT_EQ(parse_listing("status=all")->states.size(), db::kAllSandboxStates.size());
}

TEST(Listing, RefusesWhatCannotBe) {
  for (const char* text :
       {"status=asleep", "label=a", "label==b", "limit=0", "limit=1001", "limit=x", "cursor=1",
        "cursor=1-cl-x", "cursor=x-cl-0000000000000000000000001", "label=a=1&label=a=2",
        "label=a=%00", "label=a=%zz", "label=a=%ff"}) {
    const auto query = parse_listing(text);
    ASSERT_FALSE(query) << text;
    EXPECT_EQ(query.error().code, ApiCode::kInvalidRequest);
  }
}

TEST(Listing, TheNextPageBeginsWhereThisOneEnds) {
  db::SandboxQuery query{.limit = 2};
  db::Sandbox last;
  last.id = kId;
  last.created_at = 99;
  EXPECT_EQ(next_cursor(query, {}), "");
  EXPECT_EQ(next_cursor(query, {last}), "");
  const std::string cursor = next_cursor(query, {db::Sandbox(), last});
  EXPECT_EQ(cursor, base::concat("99-", kId));
  EXPECT_EQ(parse_listing(base::concat("cursor=", cursor))->before_created_at, 99);
  EXPECT_EQ(next_link("/v1/capsules", "limit=2&cursor=1-x&label=a%3Db&x=<>", "C"),
            "</v1/capsules?limit=2&label=a%3Db&cursor=C>; rel=\"next\"");
}

}  // namespace
}  // namespace wrenn::control
