#include "cli/check.h"

#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

constexpr const char* kChecks =
    R"({"checks":[{"name":"kvm","status":"warn","detail":"hangs","remedy":"none needed"},
                  {"name":"qemu","status":"ok","detail":"7.2"},
                  {"name":"odd","status":"?","detail":"a\nb"}]})";

TEST(Checks, AreReadAndWritten) {
  const auto checks = parse_checks(kChecks);
  ASSERT_TRUE(checks.has_value());
  ASSERT_EQ(checks->size(), 3u);
  EXPECT_EQ((*checks)[0].verdict, Verdict::kWarn);
  EXPECT_EQ((*checks)[0].remedy, "none needed");
  EXPECT_EQ((*checks)[2].verdict, Verdict::kFail);
  EXPECT_TRUE(any_failed(*checks));
  EXPECT_EQ(parse_checks(checks_json(*checks))->size(), 3u);
}

TEST(Checks, RefusesAnythingElse) {
  for (const char* text : {"", "[]", "{}", R"({"checks":1})"}) {
    EXPECT_FALSE(parse_checks(text).has_value()) << text;
  }
}

TEST(Checks, AreAligned) {
  EXPECT_EQ(checks_text(*parse_checks(kChecks), Paint()),
            "! kvm   hangs\n"
            "        → none needed\n"
            "✓ qemu  7.2\n"
            "✗ odd   a\n"
            "        b\n");
}

}  // namespace
}  // namespace wrenn::cli
