#include "hostnet/policy.h"

#include <gtest/gtest.h>

#include "base/strings.h"
#include "hostnet/denials.h"

namespace wrenn::hostnet {
namespace {

TEST(PolicyBlocks, AreCountedAndNamed) {
  const std::vector<std::string> most(kMaxPolicyBlocks, "1.2.3.4");
  EXPECT_EQ(parse_blocks("allow_out", most)->size(), kMaxPolicyBlocks);
  auto more = most;
  more.emplace_back("1.2.3.5");
  const auto refused = parse_blocks("allow_out", more);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::kInvalidArgument);
  EXPECT_EQ(refused.error().message, "allow_out has 257 entries, more than 256");
  EXPECT_EQ(parse_blocks("deny_out", {"1.2.3.4", "x"}).error().message,
            "deny_out: 'x' is a name, and only addresses are taken");
  EXPECT_TRUE(parse_blocks("deny_out", {})->empty());
}

// As nftables 1.0.6 lists it.
std::string listed(const std::string& elements) {
  return R"({"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": {"name": "wrenn"}}, )"
         R"({"set": {"family": "ip", "name": "denied_ports", "table": "wrenn", "timeout": 3600)" +
         elements + R"(}}, {"chain": {"name": "forward"}}]})";
}

TEST(Denials, AreToldTheLatestFirst) {
  const auto denials =
      parse_denials(listed(R"(, "elem": [)"
                           R"({"elem": {"val": {"concat": ["1.2.3.4", 6, 443]}, "expires": 3540,)"
                           R"( "counter": {"packets": 3, "bytes": 180}}},)"
                           R"({"elem": {"val": {"concat": ["1.2.3.4", 17, 53]}, "expires": 3599,)"
                           R"( "counter": {"packets": 1, "bytes": 29}}},)"
                           R"({"elem": {"val": {"concat": ["1.2.3.4", 17, 53]}, "expires": 3599,)"
                           R"( "counter": {"packets": 1, "bytes": 29}}}])"),
                    1'000'000);
  ASSERT_TRUE(denials) << denials.error().to_string();
  const std::vector<Denial> expected = {{*Ipv4::parse("1.2.3.4"), 17, 53, 1, 999'999},
                                        {*Ipv4::parse("1.2.3.4"), 6, 443, 3, 999'940}};
  EXPECT_EQ(*denials, expected);
  EXPECT_EQ(protocol_name(6) + protocol_name(17) + protocol_name(1) + protocol_name(47),
            "tcpudpicmp47");
}

TEST(Denials, AreNoneWhereNoneAreKept) {
  EXPECT_TRUE(parse_denials(listed(""), 0)->empty());
  // A slot of an older version.
  EXPECT_TRUE(parse_denials(R"({"nftables": [{"table": {"name": "wrenn"}}]})", 0)->empty());
}

TEST(Denials, WhatCannotBeReadIsAnError) {
  for (const char* elements :
       {R"(, "elem": 7)", R"(, "elem": ["1.2.3.4"])", R"(, "elem": [{"elem": {"val": 6}}])",
        R"(, "elem": [{"elem": {"val": {"concat": ["1.2.3.4", "tcp", 443]}, "expires": 1,)"
        R"( "counter": {"packets": 3}}}])",
        R"(, "elem": [{"elem": {"val": {"concat": ["1.2.3.4", 6, 70000]}, "expires": 1,)"
        R"( "counter": {"packets": 3}}}])"}) {
    EXPECT_FALSE(parse_denials(listed(elements), 0)) << elements;
  }
  for (const char* text : {"", "{", "[]", "{}", R"({"nftables": {}})"}) {
    EXPECT_FALSE(parse_denials(text, 0)) << text;
  }
}

}  // namespace
}  // namespace wrenn::hostnet
