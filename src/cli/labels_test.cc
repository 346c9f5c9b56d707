#include "cli/labels.h"

#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

TEST(Labels, AreNamesWithValues) {
  const auto labels = parse_labels({"a=b", "c=", "d=e=f", "g-h=1"}, false);
  ASSERT_TRUE(labels);
  EXPECT_EQ(*labels, (std::vector<LabelWord>{{"a", "b"}, {"c", ""}, {"d", "e=f"}, {"g-h", "1"}}));
}

TEST(Labels, MayGoWhereTheyCan) {
  EXPECT_EQ(parse_labels({"a-"}, true).value(), (std::vector<LabelWord>{{"a", std::nullopt}}));
  EXPECT_FALSE(parse_labels({"a-"}, false));
}

TEST(Labels, ChangesAreTheApis) {
  EXPECT_EQ(label_changes_json({{"a", "b"}, {"c", std::nullopt}}),
            R"({"labels":{"a":"b","c":null}})");
}

TEST(Labels, AreNothingElse) {
  for (const char* word : {"", "-", "=", "=x", "a"}) {
    EXPECT_FALSE(parse_labels({word}, true)) << word;
  }
}

}  // namespace
}  // namespace wrenn::cli
