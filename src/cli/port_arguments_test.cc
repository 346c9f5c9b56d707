#include "cli/port_arguments.h"

#include <gtest/gtest.h>

namespace wrenn::cli {
namespace {

TEST(ParseForwarding, TakesOneOrTwoPorts) {
  EXPECT_EQ(parse_forwarding("3000").value(), (Forwarding{3000, 3000}));
  EXPECT_EQ(parse_forwarding("8080:3000").value(), (Forwarding{8080, 3000}));
  EXPECT_EQ(parse_forwarding("0:65535").value(), (Forwarding{0, 65535}));
}

TEST(ParseForwarding, RefusesTheRest) {
  for (const char* text :
       {"", "0", "65536", "-1", ":", ":3000", "3000:", "3000:0", "1:2:3", "a", "127.0.0.1:3000"}) {
    const auto parsed = parse_forwarding(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code, base::Code::kInvalidArgument);
    EXPECT_FALSE(parsed.error().remedy.empty());
  }
}

TEST(ParseSeconds, KnowsItsUnits) {
  EXPECT_EQ(parse_seconds("45").value(), 45);
  EXPECT_EQ(parse_seconds("90s").value(), 90);
  EXPECT_EQ(parse_seconds("15m").value(), 900);
  EXPECT_EQ(parse_seconds("1h").value(), 3600);
  EXPECT_EQ(parse_seconds("7d").value(), 604800);
}

TEST(ParseSeconds, RefusesTheRest) {
  for (const char* text :
       {"", "h", "0", "0h", "-1h", "1.5h", "1h30m", "1w", "9223372036854775807d", " 1h"}) {
    EXPECT_FALSE(parse_seconds(text)) << text;
  }
}

}  // namespace
}  // namespace wrenn::cli
