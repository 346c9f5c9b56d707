#include "control/builds/build_stages.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "recipe/dockerfile.h"

namespace wrenn::control {
namespace {

recipe::BuildPlan plan_of_text(std::string_view text) {
  return recipe::parse_dockerfile(text, {}).value();
}

BuildBases bases(std::string_view version = "1") {
  return {{"minimal",
           {.origin = {.name_on_host = "minimal"},
            .config = {},
            .key = recipe::base_key("image", base::concat("minimal ", version))}}};
}

ContextIndex context(std::string digest = std::string(64, 'a')) {
  ContextIndex index;
  index.entries = {{.path = "app.py", .mode = 0644, .size = 3},
                   {.path = "lib", .type = recipe::ContextEntry::Type::kDirectory, .mode = 0755},
                   {.path = "lib/a.py", .mode = 0644, .size = 4}};
  index.digests = {std::move(digest), "", std::string(64, 'b')};
  return index;
}

std::string last_key(std::string_view text, const BuildBases& from, const ContextIndex& files) {
  const recipe::BuildPlan plan = plan_of_text(text);
  return plan_stages(plan, from, &files).value().at(plan.target).key();
}

TEST(BuildStagesTest, StepsAreCountedThroughAllStagesThatAreNeeded) {
  const recipe::BuildPlan plan = plan_of_text(
      "FROM minimal AS tools\nRUN one\nFROM minimal AS unused\nRUN two\n"
      "FROM tools\nENV A=1\nRUN three\nCOPY --from=tools /x /y\n");
  EXPECT_EQ(bases_needed(plan), (std::vector<std::string>{"minimal"}));
  const auto stages = plan_stages(plan, bases(), nullptr).value();
  ASSERT_EQ(stages.size(), 2u);
  const PlannedStage& last = stages.at(2);
  EXPECT_EQ(last.title, "stage 3");
  EXPECT_EQ(last.base_key, stages.at(0).key());
  ASSERT_EQ(last.steps.size(), 3u);
  EXPECT_EQ(last.steps[0].number, 2);
  EXPECT_EQ(last.steps[0].key, last.base_key) << "nothing is done in the sandbox";
  EXPECT_FALSE(last.steps[0].does_something());
  EXPECT_NE(last.steps[1].key, last.base_key);
}

TEST(BuildStagesTest, AKeyChangesWithAllThatMatters) {
  constexpr const char* kText = "FROM minimal\nCOPY app.py /srv/\nRUN make\n";
  const std::string key = last_key(kText, bases(), context());
  EXPECT_EQ(key, last_key(kText, bases(), context()));
  EXPECT_NE(key, last_key(kText, bases("2"), context())) << "another image";
  EXPECT_NE(key, last_key(kText, bases(), context(std::string(64, 'c')))) << "another file";
  EXPECT_NE(key, last_key("FROM minimal\nCOPY app.py /opt/\nRUN make\n", bases(), context()));
  EXPECT_NE(key,
            last_key("FROM minimal\nCOPY app.py /srv/\nENV A=1\nRUN make\n", bases(), context()));
}

TEST(BuildStagesTest, WhatDoesNotWaitForEachOtherCanBeDoneAtOnce) {
  const recipe::BuildPlan plan = plan_of_text(
      "FROM minimal AS one\nRUN a\nFROM minimal AS two\nRUN b\nFROM one AS three\nRUN c\n"
      "FROM minimal\nRUN d\nCOPY --from=two /x /y\nCOPY --from=three /z /y/\n");
  const auto stages = plan_stages(plan, bases(), nullptr).value();
  const StageWork one{.stage = 0, .from = 0, .base = {}, .copied = {}};
  const StageWork two{.stage = 1, .from = 0, .base = {}, .copied = {}};
  const StageWork three{.stage = 2, .from = 0, .base = 0, .copied = {}};
  const StageWork last{.stage = 3, .from = 0, .base = {}, .copied = {1, 2}};
  using Works = std::vector<StageWork>;
  EXPECT_EQ(plan_work(plan, stages, {}), (Works{one, two, three, last}));
}

TEST(BuildStagesTest, StagesWhoseOutcomeIsKeptAreNotDone) {
  const recipe::BuildPlan plan = plan_of_text(
      "FROM minimal AS one\nRUN a\nFROM minimal AS two\nRUN b\nRUN bb\nFROM one AS three\nRUN c\n"
      "FROM minimal\nCOPY --from=two /x /y\nCOPY --from=three /z /y/\nRUN d\n");
  const auto stages = plan_stages(plan, bases(), nullptr).value();
  using Works = std::vector<StageWork>;
  // All of three is kept: what it is based on is not looked at.
  EXPECT_EQ(plan_work(plan, stages, {{1, 1}, {2, 1}}),
            (Works{{.stage = 1, .from = 1, .base = {}, .copied = {}},
                   {.stage = 2, .from = 1, .base = {}, .copied = {}},
                   {.stage = 3, .from = 0, .base = {}, .copied = {1, 2}}}));
  // After the first copy only the other one is needed, and after both none.
  EXPECT_EQ(plan_work(plan, stages, {{2, 1}, {3, 1}}),
            (Works{{.stage = 2, .from = 1, .base = {}, .copied = {}},
                   {.stage = 3, .from = 1, .base = {}, .copied = {2}}}));
  EXPECT_EQ(plan_work(plan, stages, {{3, 2}}),
            (Works{{.stage = 3, .from = 2, .base = {}, .copied = {}}}));
}

TEST(BuildStagesTest, WhatIsWrongIsFoundBeforeAnythingIsDone) {
  const ContextIndex files = context();
  const struct {
    const char* text;
    const ContextIndex* files;
    const char* says;
  } cases[] = {
      {"FROM scratch\nRUN x\n", &files, "minimal"},
      {"FROM minimal\nCOPY nope /x\n", &files, "nope"},
      {"FROM minimal\nRUN x\nCOPY app.py /x\n", nullptr, "line 3"},
  };
  for (const auto& one : cases) {
    const recipe::BuildPlan plan = plan_of_text(one.text);
    const auto stages = plan_stages(plan, bases(), one.files);
    ASSERT_FALSE(stages) << one.text;
    EXPECT_NE(stages.error().to_string().find(one.says), std::string::npos)
        << stages.error().to_string();
  }
}

}  // namespace
}  // namespace wrenn::control
