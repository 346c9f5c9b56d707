#include "cli/builds.h"

#include <gtest/gtest.h>

#include "cli/console.h"

namespace wrenn::cli {
namespace {

constexpr std::string_view kBuilds =
    R"([{"id":"bld-b1","name":"app","tag":"latest","status":"ready","step":7,"steps":7,
         "cached_steps":4,"created_at":"2026-01-31T12:00:00.000Z",
         "started_at":"2026-01-31T12:00:01.000Z","finished_at":"2026-01-31T12:00:13.300Z"},
        {"id":"bld-b2","name":"app","tag":"next","status":"building","step":2,"steps":7,
         "cached_steps":0,"created_at":"2026-01-31T12:01:00.000Z",
         "started_at":"2026-01-31T12:01:00.000Z"},
        {"id":"bld-c1","name":"web","tag":"latest","status":"waiting","step":0,"steps":0,
         "cached_steps":0,"created_at":"2026-01-31T12:02:00.000Z"}])";

TEST(Builds, TableIsAligned) {
  const auto builds = parse_build_list(kBuilds);
  ASSERT_TRUE(builds);
  EXPECT_EQ(build_table(*builds, 1769860920000 + 5000, Paint()),
            "ID      TEMPLATE    STATUS    STEPS  AGE    TOOK\n"
            "bld-b1  app:latest  ready       7/7   2m  12.3 s\n"
            "bld-b2  app:next    building    2/7  65s   1m 5s\n"
            "bld-c1  web:latest  waiting       -   5s       -\n");
}

TEST(Builds, StrangeRepliesAreErrors) {
  for (const char* text : {"", "{}", "[1]", R"([{"id":"bld-b1"}])"}) {
    EXPECT_FALSE(parse_build_list(text)) << text;
  }
  EXPECT_FALSE(parse_build("[]"));
}

TEST(Builds, IdsMayBeShortened) {
  const auto builds = parse_build_list(kBuilds);
  ASSERT_TRUE(builds);
  EXPECT_EQ(match_build_id(*builds, "bld-c").value(), "bld-c1");
  EXPECT_EQ(match_build_id(*builds, "b2").value(), "bld-b2");
  EXPECT_EQ(match_build_id(*builds, "b").error().code, base::Code::kInvalidArgument);
  EXPECT_EQ(match_build_id(*builds, "x").error().code, base::Code::kNotFound);
}

TEST(Builds, TheLastLineSaysWhatCameOut) {
  auto build = parse_build_list(kBuilds)->front();
  EXPECT_EQ(built_line(build, 3), "built app:latest (version 3) in 12.3 s, 4 of 7 steps cached");
  build.steps = 1;
  build.cached_steps = 0;
  build.finished_at.clear();
  EXPECT_EQ(built_line(build, 0), "built app:latest, 0 of 1 step cached");
}

TEST(BuildLine, IsReadByItsKind) {
  const auto line = parse_build_line(
      R"({"number":12,"at":"2026-01-31T12:00:00.250Z","step":3,"kind":"stderr","text":"a\nb"})");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->kind, BuildLine::Kind::kStderr);
  EXPECT_EQ(line->number, 12);
  EXPECT_EQ(line->step, 3);
  EXPECT_EQ(line->at_ms, 1769860800250);
  EXPECT_EQ(line->text, "a\nb");
  const auto newer = parse_build_line(R"({"number":13,"kind":"weather","text":"fine"})");
  ASSERT_TRUE(newer);
  EXPECT_EQ(newer->kind, BuildLine::Kind::kUnknown);
}

TEST(BuildLine, TheLastOneHasTheBuild) {
  const auto line = parse_build_line(
      R"({"kind":"end","build":{"id":"bld-b1","status":"failed","error":"line 3: no"}})");
  ASSERT_TRUE(line);
  ASSERT_TRUE(line->build);
  EXPECT_EQ(line->build->error, "line 3: no");
  for (const char* text : {"", "[]", R"({"kind":"end"})", R"({"kind":"end","build":{}})"}) {
    const auto broken = parse_build_line(text);
    ASSERT_FALSE(broken) << text;
    EXPECT_EQ(broken.error().code, base::Code::kDataLoss) << text;
  }
}

}  // namespace
}  // namespace wrenn::cli
