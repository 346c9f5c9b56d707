#include "base/json_text.h"

#include <gtest/gtest.h>

namespace wrenn::base {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "x";
  append_json_string(out, text);
  return out;
}

TEST(JsonText, IsEscaped) {
  EXPECT_EQ(quoted(""), "x\"\"");
  EXPECT_EQ(quoted("a\"b\\c\nd\re\tf"), R"(x"a\"b\\c\nd\re\tf")");
  EXPECT_EQ(quoted(std::string_view("\0\x1f", 2)), R"(x"\u0000\u001f")");
  EXPECT_EQ(quoted("gr\xc3\xbc\xc3\x9f"), "x\"gr\xc3\xbc\xc3\x9f\"");
  EXPECT_EQ(quoted("a\xff"), "x\"a?\"");
}

}  // namespace
}  // namespace wrenn::base
