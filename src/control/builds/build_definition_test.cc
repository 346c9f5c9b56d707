#include "control/builds/build_definition.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::control {
namespace {

std::string why_not(std::string_view body) {
  const auto definition = parse_build(body);
  if (!definition) return definition.error().message;
  const auto plan = plan_of(*definition);
  return plan ? "" : plan.error().message;
}

TEST(BuildDefinitionTest, ADockerfileWithAllThatBelongsToIt) {
  const auto definition = parse_build(R"({"name":"web","tag":"v1",
    "dockerfile":"FROM minimal AS a\nARG X\nRUN echo $X\nFROM a\nRUN true\n","build_args":{"X":"1"},"target":"a",
    "vcpus":2,"memory_mb":1024,"start_command":"serve","ready_check":"--interval=1s true","no_cache":true})");
  ASSERT_TRUE(definition) << definition.error().message;
  EXPECT_EQ(definition->tag, "v1");
  EXPECT_EQ(definition->vcpus, 2);
  EXPECT_FALSE(definition->disk_mb) << "the base's own";
  EXPECT_FALSE(definition->uses_cache);
  const auto plan = plan_of(*definition);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->target, 0u);
  EXPECT_EQ(plan->needed.size(), 1u);
}

TEST(BuildDefinitionTest, ARecipeBeginsWithMinimal) {
  const auto definition =
      parse_build(R"({"name":"web","recipe":["RUN true"],"skip_pre_post":true})");
  ASSERT_TRUE(definition) << definition.error().message;
  EXPECT_EQ(definition->tag, "latest");
  const auto plan = plan_of(*definition);
  ASSERT_TRUE(plan) << plan.error().message;
  EXPECT_EQ(plan->stages.front().base.name, "minimal");
  EXPECT_EQ(plan->steps(), 1u);
}

TEST(BuildDefinitionTest, MistakesAreNamed) {
  const struct {
    const char* body;
    const char* says;
  } cases[] = {
      {"{}", "name"},
      {R"({"name":"web"})", "either a dockerfile"},
      {R"({"name":"web","dockerfile":"FROM minimal","recipe":["RUN true"]})",
       "either a dockerfile"},
      {R"({"name":"web:1","dockerfile":"FROM minimal"})", "a tag has a field of its own"},
      {R"({"name":"web","tag":"a b","dockerfile":"FROM minimal"})", "tag"},
      {R"({"name":"web","dockerfile":"FROM minimal\nRUNN x"})", "2"},
      {R"({"name":"web","dockerfile":"FROM minimal","target":"x"})", "x"},
      {R"({"name":"web","dockerfile":"FROM minimal","context":"12"})", "SHA-256"},
      {R"({"name":"web","recipe":["NOPE"]})", "1"},
      {R"({"name":"web","dockerfile":"FROM minimal","ready_check":"--interval=x true"})",
       "ready_check"},
      {R"({"name":"web","dockerfile":"FROM minimal","memory_mb":5})", "memory_mb"},
  };
  for (const auto& one : cases) {
    const std::string message = why_not(one.body);
    EXPECT_NE(message.find(one.says), std::string::npos) << one.body << ": " << message;
  }
}

}  // namespace
}  // namespace wrenn::control
