#include "cli/sandbox.h"

#include <gtest/gtest.h>

#include "cli/console.h"

namespace wrenn::cli {
namespace {

constexpr const char* kList =
    R"([{"id":"cl-0q3v","status":"running","template":"minimal","vcpus":1,"memory_mb":512,
         "created_at":"2026-01-31T12:00:00Z"},
        {"id":"cl-0q9","status":"paused","template":"node","vcpus":16,"memory_mb":8192}])";

TEST(Sandbox, IsReadFromTheApi) {
  const auto sandboxes = parse_sandbox_list(kList);
  ASSERT_TRUE(sandboxes.has_value());
  ASSERT_EQ(sandboxes->size(), 2u);
  EXPECT_EQ((*sandboxes)[0].template_name, "minimal");
  EXPECT_EQ((*sandboxes)[1].memory_mb, 8192);
  for (const char* text : {"", "{}", "[7]", "[{}]"}) {
    EXPECT_FALSE(parse_sandbox_list(text).has_value()) << text;
  }
}

TEST(Sandbox, TableIsAligned) {
  EXPECT_EQ(sandbox_table(*parse_sandbox_list(kList), 1769860800000 + 5000, Paint()),
            "ID       STATUS   TEMPLATE  VCPUS   MEMORY  AGE\n"
            "cl-0q3v  running  minimal       1   512 MB   5s\n"
            "cl-0q9   paused   node         16  8192 MB    -\n");
}

TEST(MatchId, TakesABeginning) {
  const auto sandboxes = *parse_sandbox_list(kList);
  EXPECT_EQ(match_id(sandboxes, "cl-0q3"), "cl-0q3v");
  EXPECT_EQ(match_id(sandboxes, "0q9"), "cl-0q9");
  EXPECT_EQ(match_id(sandboxes, "cl-x").error().code, base::Code::kNotFound);
  const auto several = match_id(sandboxes, "cl-0q");
  ASSERT_FALSE(several.has_value());
  EXPECT_NE(several.error().remedy.find("cl-0q3v, cl-0q9"), std::string::npos);
}

}  // namespace
}  // namespace wrenn::cli
