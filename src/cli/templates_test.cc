#include "cli/templates.h"

#include <gtest/gtest.h>

#include "cli/console.h"
#include "cli/forks.h"

namespace wrenn::cli {
namespace {

TEST(Templates, TableIsAligned) {
  const auto templates = parse_template_list(
      R"([{"name":"mine","type":"snapshot","vcpus":2,"memory_mb":1024,"size_bytes":73400320,
           "created_at":"2026-01-31T12:00:00Z","version":12,"tags":["latest","v1"]},
          {"name":"minimal","type":"base"}])");
  ASSERT_TRUE(templates);
  EXPECT_EQ(template_table(*templates, 1769860800000 + 5000, Paint()),
            "NAME     TYPE      VERSION  VCPUS   MEMORY    SIZE  AGE  TAGS\n"
            "mine     snapshot       12      2  1024 MB  70 MiB   5s  latest, v1\n"
            "minimal  base            -      -        -       -    -  -\n");
  EXPECT_FALSE(parse_template_list("{}"));
}

TEST(Templates, ATagMeansAVersion) {
  const auto templates = parse_template_list(
      R"([{"name":"app","version":2,"tags":["latest"]},{"name":"app","version":1,"tags":["v1"]},
          {"name":"web","version":7,"tags":["latest"]}])");
  ASSERT_TRUE(templates);
  EXPECT_EQ(find_version(*templates, {"app", "", 0}).value(), 2);
  EXPECT_EQ(find_version(*templates, {"app", "v1", 0}).value(), 1);
  EXPECT_EQ(find_version(*templates, {"web", "v1", 0}).error().code, base::Code::kNotFound);
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
