#include "envd/init.h"

#include <gtest/gtest.h>

namespace wrenn::envd {
namespace {

TEST(Rfc3339, Times) {
  EXPECT_EQ(parse_rfc3339("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_rfc3339("2026-01-31T12:00:00.25Z"), 1'769'860'800'250'000'000);
  EXPECT_EQ(parse_rfc3339("2026-01-31T14:00:00.25+02:00"), 1'769'860'800'250'000'000);
  EXPECT_EQ(parse_rfc3339("2026-01-31T12:00:00.123456789Z"), 1'769'860'800'123'456'789);
}

TEST(Rfc3339, WhatIsNone) {
  for (const char* text : {"", "2026", "2026-02-30T00:00:00Z", "2026-01-31T25:00:00Z",
                           "2026-01-31T12:00:00", "2026-01-31T12:00:00Zx", "9999-01-01T00:00:00Z",
                           "2026-01-31T12:00:00+0200", "-026-01-31T12:00:00Z"}) {
    EXPECT_FALSE(parse_rfc3339(text)) << text;
  }
}

TEST(Hosts, NameIsReplaced) {
  EXPECT_EQ(hosts_with_name("127.0.0.1 localhost\n127.0.1.1 old\n::1 localhost", "new"),
            "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 new\n");
}

TEST(Init, NothingIsChangedByABadRequest) {
  GuestSettings settings;
  ::envd::InitRequest request;
  request.set_access_token("token");
  request.set_default_user("no-such-user");
  EXPECT_EQ(apply_init(request, settings).error().code, base::Code::kInvalidArgument);
  request.set_default_user("root");
  request.set_hostname("bad name");
  EXPECT_EQ(apply_init(request, settings).error().code, base::Code::kInvalidArgument);
  request.clear_hostname();
  request.mutable_timestamp()->set_string_value("yesterday");
  EXPECT_EQ(apply_init(request, settings).error().code, base::Code::kInvalidArgument);
  EXPECT_TRUE(settings.token.empty());
}

}  // namespace
}  // namespace wrenn::envd
