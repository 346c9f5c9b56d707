#include "cli/template_reference.h"

#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

TEST(TemplateReference, HasThreeForms) {
  EXPECT_EQ(parse_template_reference("app").value(), (TemplateReference{"app", "", 0}));
  EXPECT_EQ(parse_template_reference("my.app-2:v1_0").value(),
            (TemplateReference{"my.app-2", "v1_0", 0}));
  EXPECT_EQ(parse_template_reference("app@12").value(), (TemplateReference{"app", "", 12}));
}

TEST(TemplateReference, RefusesEverythingElse) {
  for (const char* text :
       {"", ":latest", "@1", "app:", "app@", "app@0", "app@01", "app@-1", "app@1x", "app:a:b",
        "app:a@1", "app@1:a", "-app", "my app", "app/x", "äpp", "app@99999999999999999999"}) {
    const auto parsed = parse_template_reference(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, base::Code::kInvalidArgument) << text;
    EXPECT_NE(parsed.error().remedy, "") << text;
  }
  EXPECT_TRUE(is_template_name(std::string(64, 'a')));
  EXPECT_FALSE(is_template_name(std::string(65, 'a')));
}

}  // namespace
}  // namespace wrenn::cli
