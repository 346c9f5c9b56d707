#include "control/api/network_policy.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "control/api/requests.h"
#include "proto/agent.pb.h"

namespace wrenn::control {
namespace {

using base::concat;

// "" for an entry that is taken, else the message.
std::string mistake(std::string_view list, std::string_view entry) {
  const auto policy = parse_network(boost::json::serialize(
      boost::json::object{{list, boost::json::array{boost::json::value(entry)}}}));
  if (policy) return {};
  EXPECT_EQ(policy.error().code, ApiCode::kInvalidRequest);
  return policy.error().message;
}

TEST(NetworkPolicyTest, WhatIsLeftOutRestrictsNothing) {
  for (const auto* body : {"", "{}", R"({"allow_out":null,"deny_out":[],"unknown":1})"}) {
    const auto policy = parse_network(body);
    ASSERT_TRUE(policy) << body;
    EXPECT_EQ(*policy, db::NetworkPolicy());
  }
  const auto policy = parse_network(
      R"({"allow_internet_access":false,"allow_out":["8.8.8.8","1.1.0.0/16"],"deny_out":["0.0.0.0/0"]})");
  ASSERT_TRUE(policy);
  EXPECT_FALSE(policy->allow_internet_access);
  EXPECT_EQ(policy->allow_out, (std::vector<std::string>{"8.8.8.8", "1.1.0.0/16"}));
  EXPECT_EQ(policy->deny_out, std::vector<std::string>{"0.0.0.0/0"});
}

TEST(NetworkPolicyTest, EachEntryThatIsWrongSaysWhatToWrite) {
  for (const auto* good : {"8.8.8.8", "8.8.8.8/32", "8.0.0.0/5", "203.0.113.7"}) {
    EXPECT_EQ(mistake("allow_out", good), "");
    EXPECT_EQ(mistake("deny_out", good), "");
  }
  EXPECT_EQ(mistake("allow_out", "0.0.0.0/0"), "") << "all that is public";
  constexpr std::string_view kExample =
      "write an IPv4 address such as 93.184.215.14, or a block such as 93.184.215.0/24";
  EXPECT_EQ(mistake("allow_out", "8.8.8.8/24"),
            "allow_out: '8.8.8.8/24' is an address in a network, and no network; write 8.8.8.0/24 "
            "for all of it, or 8.8.8.8 for that one");
  EXPECT_EQ(mistake("allow_out", "example.com"),
            concat("allow_out: 'example.com' is a name, and only addresses are taken; ", kExample));
  EXPECT_EQ(mistake("deny_out", "::1"),
            concat("deny_out: '::1' is IPv6, and only IPv4 is taken; ", kExample));
}

TEST(NetworkPolicyTest, WhatIsNeverReachedCannotBeAllowed) {
  EXPECT_EQ(mistake("allow_out", "10.1.2.3"),
            "allow_out: '10.1.2.3' is in 10.0.0.0/8, and sandboxes reach public addresses only; "
            "leave it out");
  EXPECT_NE(mistake("allow_out", "192.168.0.0/24"), "");
  EXPECT_EQ(mistake("deny_out", "10.0.0.0/8"), "") << "is as it is without it";
  for (const auto* address :
       {"10.0.0.1", "127.0.0.1", "169.254.169.254", "172.31.255.255", "100.64.0.1", "192.168.1.1",
        "224.0.0.1", "255.255.255.255", "0.0.0.0"}) {
    EXPECT_FALSE(can_be_allowed(address)) << address;
  }
  for (const auto* address :
       {"8.8.8.8", "172.32.0.1", "100.128.0.1", "203.0.113.7", "9.255.255.255"}) {
    EXPECT_TRUE(can_be_allowed(address)) << address;
  }
  EXPECT_FALSE(can_be_allowed("::1"));
  EXPECT_FALSE(can_be_allowed(""));
}

TEST(NetworkPolicyTest, ListsHaveABoundAndEntriesAreTexts) {
  std::string entries;
  for (int i = 0; i < 256; ++i) entries += concat(i == 0 ? "" : ",", "\"8.8.8.", i, "\"");
  EXPECT_TRUE(parse_network(concat(R"({"deny_out":[)", entries, "]}")));
  const auto many = parse_network(concat(R"({"deny_out":[)", entries, ",\"9.9.9.9\"]}"));
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().message, "deny_out must not have more than 256 entries");
  for (const auto* body :
       {R"({"allow_out":"8.8.8.8"})", R"({"allow_out":[8]})", R"({"allow_internet_access":"no"})",
        R"({"allow_out":["8.8.8.8\u0000"]})", "[]"}) {
    EXPECT_FALSE(parse_network(body)) << body;
  }
}

TEST(NetworkPolicyTest, IsAFieldOfWhatIsCreated) {
  const auto params = parse_create(R"({"network":{"allow_internet_access":false}})");
  ASSERT_TRUE(params);
  EXPECT_FALSE(params->network.allow_internet_access);
  EXPECT_EQ(parse_create("{}")->network, db::NetworkPolicy());
  const auto wrong = parse_create(R"({"network":{"allow_out":["a.example"]}})");
  ASSERT_FALSE(wrong);
  EXPECT_TRUE(wrong.error().message.starts_with("network.allow_out: 'a.example' is a name"))
      << wrong.error().message;
  const auto no_object = parse_create(R"({"network":[]})");
  ASSERT_FALSE(no_object);
  EXPECT_EQ(no_object.error().message, "network must be an object: {\"field\": value, ...}");
}

}  // namespace
}  // namespace wrenn::control
