#include "cli/templates.h"

#include <gtest/gtest.h>

#include "cli/console.h"
#include "cli/forks.h"

namespace wrenn::cli {
namespace {

TEST(Templates, TableIsAligned) {
  const auto templates = parse_template_list(
      R"([{"name":"mine","type":"snapshot","vcpus":2,"memory_mb":1024,"size_bytes":73400320,
           "created_at":"2026-01-31T12:00:00Z"},
          {"name":"minimal","type":"base"}])");
  ASSERT_TRUE(templates);
  EXPECT_EQ(template_table(*templates, 1769860800000 + 5000, Paint()),
            "NAME     TYPE      VCPUS   MEMORY    SIZE  AGE\n"
            "mine     snapshot      2  1024 MB  70 MiB   5s\n"
            "minimal  base          -        -       -    -\n");
  EXPECT_FALSE(parse_template_list("{}"));
}

TEST(Forks, AreReadFromTheApi) {
  const auto forks = parse_forks(
      R"({"capsules":[{"id":"cl-a"},{"id":"cl-b","error":{"code":"c","message":"no memory"}}]})");
  ASSERT_TRUE(forks);
  ASSERT_EQ(forks->size(), 2u);
  EXPECT_EQ((*forks)[0].id, "cl-a");
  EXPECT_EQ((*forks)[0].error, "");
  EXPECT_EQ((*forks)[1].error, "no memory");
  for (const char* text : {"", "[]", R"({"capsules":1})"}) EXPECT_FALSE(parse_forks(text)) << text;
}

}  // namespace
}  // namespace wrenn::cli
