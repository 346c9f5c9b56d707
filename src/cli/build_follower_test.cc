// The log of a build, from an API whose connections break.
#include "cli/build_follower.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "cli/test_api.h"

namespace wrenn::cli {
namespace {

constexpr std::string_view kId = "bld-0000000000000000000000001";

std::string line(int number, std::string_view text) {
  return base::concat(R"({"number":)", number, R"(,"step":1,"kind":"stdout","text":")", text,
                      "\"}\n");
}
const std::string kEnd =
    base::concat(R"({"kind":"end","build":{"id":")", kId, R"(","status":"ready"}})", "\n");

struct Followed {
  base::Result<Build> build = base::fail(base::Code::kUnknown, "");
  std::string text;
  std::vector<std::string> notes;
};

Followed follow(TestApi& api, FollowLimits limits) {
  Followed out;
  limits.first_pause = std::chrono::milliseconds(1);
  const auto client = ApiClient::create(api.settings(), kUsualPatience).value();
  net::Loop loop;
  BuildFollower follower(
      *client, std::string(kId),
      {.on_line = [&](std::string_view, const BuildLine& got) -> base::Result<void> {
         out.text += got.text;
         return {};
       },
       .on_note = [&](std::string_view note) { out.notes.emplace_back(note); }},
      limits);
  out.build = loop.block_on(follower.follow());
  return out;
}

TEST(BuildFollower, GoesOnAfterTheLastLineThatItSaw) {
  TestApi api;
  // The connection is cut in the middle of a line; the next one ends too early, as one does that a
  // proxy closes; a third is refused for a moment.
  api.answer({.body = line(1, "a") + line(2, "b") + R"({"number":3,"st)", .is_cut = true});
  api.answer({.body = "\n" + line(3, "c")});
  api.answer({.status = 503, .body = R"({"error":{"message":"not now"}})"});
  api.answer({.body = line(4, "d") + kEnd});
  const Followed followed = follow(api, {});
  ASSERT_TRUE(followed.build) << followed.build.error().message;
  EXPECT_EQ(followed.build->status, "ready");
  EXPECT_EQ(followed.text, "abcd");
  const std::string path = base::concat("GET /v1/builds/", kId, "/logs?after=");
  EXPECT_EQ(api.asked(),
            (std::vector<std::string>{path + "0&follow=true ", path + "2&follow=true ",
                                      path + "3&follow=true ", path + "3&follow=true "}));
  ASSERT_EQ(followed.notes.size(), 4u);
  EXPECT_TRUE(followed.notes[0].contains("lost"));
  EXPECT_EQ(followed.notes[1], "connected again");
}

TEST(BuildFollower, GivesUpWhenTheApiIsGone) {
  TestApi api;
  for (int i = 0; i < 1000; ++i) api.answer({.status = 503, .body = "{}"});
  const Followed followed = follow(api, {.give_up = std::chrono::milliseconds(20)});
  ASSERT_FALSE(followed.build);
  EXPECT_EQ(followed.build.error().code, base::Code::kUnavailable);
  EXPECT_TRUE(followed.build.error().remedy.contains("template logs --follow"));
}

TEST(BuildFollower, TakesSilenceForALostConnection) {
  TestApi api;
  api.answer({.body = line(1, "a"), .is_silent_then = true});
  api.answer({.body = line(2, "b") + kEnd});
  const Followed followed = follow(api, {.silence = std::chrono::milliseconds(200)});
  ASSERT_TRUE(followed.build) << followed.build.error().message;
  EXPECT_EQ(followed.text, "ab");
}

TEST(BuildFollower, DoesNotTryAgainWhatCannotWork) {
  TestApi api;
  api.answer({.status = 404, .body = R"({"error":{"message":"there is no build"}})"});
  EXPECT_EQ(follow(api, {}).build.error().code, base::Code::kNotFound);
  api.answer({.body = "[]\n"});
  EXPECT_EQ(follow(api, {}).build.error().code, base::Code::kDataLoss);
  EXPECT_EQ(api.asked().size(), 2u);
}

TEST(BuildFollower, ReadsPageAfterPage) {
  TestApi api;
  api.answer({.body = line(1, "a") + line(2, "b")});
  api.answer({.body = line(7, "c")});
  api.answer({.body = ""});
  const auto client = ApiClient::create(api.settings(), kUsualPatience).value();
  net::Loop loop;
  std::string text;
  BuildFollower follower(
      *client, std::string(kId),
      {.on_line = [&](std::string_view, const BuildLine& got) -> base::Result<void> {
         text += got.text;
         return {};
       },
       .on_note = [](std::string_view) {}});
  EXPECT_TRUE(loop.block_on(follower.read()));
  EXPECT_EQ(text, "abc");
  EXPECT_TRUE(api.asked().back().contains("after=7")) << api.asked().back();
}

}  // namespace
}  // namespace wrenn::cli
