#include "db/build_store.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "db/team.h"
#include "db/test_database.h"

namespace wrenn::db {
namespace {

constexpr std::int64_t kLease = 10'000;

class BuildStoreTest : public testing::Test {
 protected:
  Build make(std::string name = "web") {
    return builds_
        .create({.id = {},
                 .team_id = std::string(kDefaultTeam),
                 .name = std::move(name),
                 .tag = "latest",
                 .definition = "{}",
                 .created_by = "usr-1"})
        .value();
  }
  Build get(const Build& build) { return builds_.get(kDefaultTeam, build.id).value(); }

  TestDatabase test_;
  BuildStore builds_{test_.database, test_.clock()};
};

TEST_F(BuildStoreTest, OneAtATimeIsSomebodys) {
  const Build first = make();
  test_.now += 1;
  const Build second = make();
  EXPECT_EQ(get(first).status, BuildStatus::kWaiting);
  const auto claimed = builds_.claim(kLease).value();
  ASSERT_TRUE(claimed);
  EXPECT_EQ(claimed->id, first.id) << "the oldest";
  EXPECT_EQ(claimed->status, BuildStatus::kBuilding);
  EXPECT_EQ(claimed->attempts, 1);
  EXPECT_TRUE(claimed->started_at);
  EXPECT_EQ(builds_.claim(kLease).value()->id, second.id);
  EXPECT_FALSE(builds_.claim(kLease).value());
}

TEST_F(BuildStoreTest, ATeamWithManyDoesNotKeepOthersWaiting) {
  ASSERT_TRUE(test_.database.write().execute(
      "INSERT INTO teams (id, name, created_at) VALUES ('team-2', 'Other', 0)"));
  make();
  make();
  test_.now += 1;
  const Build other =
      builds_.create({.team_id = "team-2", .name = "web", .tag = "latest", .definition = "{}"})
          .value();
  EXPECT_NE(builds_.claim(kLease).value()->id, other.id) << "it came later";
  EXPECT_EQ(builds_.claim(kLease).value()->id, other.id) << "the first team has one at work";
  EXPECT_TRUE(builds_.claim(kLease).value());
}

TEST_F(BuildStoreTest, OfOneThatDiedTheNextBeginsAnew) {
  make();
  const Build dead = *builds_.claim(kLease).value();
  test_.now += kLease;
  const Build anew = *builds_.claim(kLease).value();
  EXPECT_EQ(anew.attempts, 2);
  EXPECT_FALSE(builds_.renew(dead, {.step = 1}, kLease).value()) << "it was dead after all";
  EXPECT_FALSE(
      builds_.finish(dead, {.status = BuildStatus::kReady, .template_id = "tpl-1"}).value());
  ASSERT_TRUE(builds_.give_back(dead));
  EXPECT_FALSE(builds_.claim(kLease).value()) << "the other's claim holds";
  EXPECT_TRUE(builds_.renew(anew, {.step = 2, .steps = 5, .cached_steps = 1}, kLease).value());
  EXPECT_EQ(get(anew).step, 2);
  EXPECT_EQ(get(anew).steps, 5);
  EXPECT_EQ(get(anew).cached_steps, 1);
  EXPECT_TRUE(
      builds_.finish(anew, {.status = BuildStatus::kReady, .template_id = "tpl-2"}).value());
  EXPECT_EQ(get(anew).template_id, "tpl-2");
  EXPECT_TRUE(get(anew).finished_at);
  test_.now += kLease;
  EXPECT_FALSE(builds_.claim(kLease).value());
}

TEST_F(BuildStoreTest, WhatIsGivenBackIsClaimedAtOnce) {
  make();
  const Build build = *builds_.claim(kLease).value();
  ASSERT_TRUE(builds_.give_back(build));
  EXPECT_EQ(builds_.claim(kLease).value()->id, build.id);
}

TEST_F(BuildStoreTest, OneThatIsCanceledIsNobodysAnyMore) {
  const Build build = make();
  const Build claimed = *builds_.claim(kLease).value();
  EXPECT_FALSE(builds_.cancel("team-2", build.id).value());
  EXPECT_TRUE(builds_.cancel(kDefaultTeam, build.id).value());
  EXPECT_FALSE(builds_.cancel(kDefaultTeam, build.id).value());
  EXPECT_FALSE(builds_.renew(claimed, {}, kLease).value());
  EXPECT_FALSE(builds_.finish(claimed, {.error = "x"}).value());
  EXPECT_EQ(get(build).status, BuildStatus::kCanceled);
  test_.now += kLease;
  EXPECT_FALSE(builds_.claim(kLease).value());
}

TEST_F(BuildStoreTest, ListIsPagedAndByName) {
  const Build first = make("a");
  test_.now += 1;
  const Build second = make("b");
  test_.now += 1;
  const Build third = make("a");
  const auto ids = [&](const BuildQuery& query) {
    std::string text;
    for (const Build& build : builds_.list(kDefaultTeam, query).value()) text += build.id + " ";
    return text;
  };
  EXPECT_EQ(ids({.limit = 2}), third.id + " " + second.id + " ");
  EXPECT_EQ(ids({.after = second.id, .limit = 2}), first.id + " ");
  EXPECT_EQ(ids({.name = "a"}), third.id + " " + first.id + " ");
  EXPECT_TRUE(builds_.list("team-2", {}).value().empty());
  EXPECT_EQ(builds_.get("team-2", first.id).error().code, base::Code::kNotFound);
}

TEST_F(BuildStoreTest, ActiveAreThoseThatAreNotOverOrHaveJustEnded) {
  const auto active = [&](const std::vector<std::string>& teams, std::int64_t since) {
    std::string names;
    for (const Build& build : builds_.list_active(teams, since).value()) {
      EXPECT_EQ(build.definition, "");
      names += build.name;
    }
    std::ranges::sort(names);
    return names;
  };
  const std::string team(kDefaultTeam);
  const Build waiting = make("w");
  test_.now += 10;
  EXPECT_TRUE(builds_.cancel(kDefaultTeam, make("c").id).value());
  EXPECT_EQ(active({team}, test_.now), "cw");
  EXPECT_EQ(active({team}, test_.now + 1), "w");
  EXPECT_EQ(active({"team-2"}, 0), "");
  EXPECT_EQ(active({}, 0), "");
}

TEST_F(BuildStoreTest, NoTeamHasTooManyThatAreNotOver) {
  for (int i = 0; i < BuildStore::kMaxWaiting; ++i) make();
  const auto more = builds_.create(
      {.team_id = std::string(kDefaultTeam), .name = "web", .tag = "latest", .definition = "{}"});
  ASSERT_FALSE(more);
  EXPECT_EQ(more.error().code, base::Code::kResourceExhausted);
}

TEST_F(BuildStoreTest, LogLinesHaveNumbersAndAnEnd) {
  const Build build = make();
  ASSERT_TRUE(builds_.append_log(build.id, {{.step = 1, .kind = "step", .text = "RUN x"},
                                            {.step = 1, .kind = "stdout", .text = "hello\n"}}));
  ASSERT_TRUE(builds_.append_log(build.id, {{.step = 1, .kind = "stderr", .text = "oh\n"}}));
  auto lines = builds_.log(build.id, 1, 10).value();
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].number, 2);
  EXPECT_EQ(lines[0].text, "hello\n");
  EXPECT_EQ(lines[1].kind, "stderr");
  EXPECT_EQ(lines[1].step, 1);

  const std::string much(1 << 20, 'x');
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(builds_.append_log(build.id, {{.step = 2, .kind = "stdout", .text = much}}));
  }
  lines = builds_.log(build.id, 3, 10).value();
  ASSERT_EQ(lines.size(), 5u) << "four of a MiB, and that there are no more";
  EXPECT_EQ(lines.back().kind, "notice");
}

TEST_F(BuildStoreTest, OldOnesAreForgottenWithTheirLogs) {
  const Build build = make();
  ASSERT_TRUE(builds_.append_log(build.id, {{.step = 1, .kind = "step", .text = "RUN x"}}));
  make();
  ASSERT_TRUE(builds_.cancel(kDefaultTeam, build.id));
  const std::int64_t ended = get(build).finished_at.value();
  EXPECT_EQ(builds_.forget(ended, 10).value(), 0);
  EXPECT_EQ(builds_.forget(ended + 1, 10).value(), 1);
  EXPECT_TRUE(builds_.log(build.id, 0, 10).value().empty());
  EXPECT_EQ(builds_.list(kDefaultTeam, {}).value().size(), 1u) << "what is not over stays";
}

}  // namespace
}  // namespace wrenn::db
