#include "agent/network_policy.h"

#include <gtest/gtest.h>

namespace wrenn::agent {
namespace {

namespace pb = hostagent::v1;

TEST(NetworkPolicy, GoesThroughManifestAndFilter) {
  pb::NetworkPolicy message;
  message.set_deny_internet(true);
  message.add_allow_out("198.51.100.7");
  message.add_allow_out("255.255.255.255/32");
  message.add_deny_out("0.0.0.0/0");
  const auto policy = network_policy_of(message);
  ASSERT_TRUE(policy) << policy.error().to_string();
  EXPECT_EQ(to_message(*policy).SerializeAsString(), message.SerializeAsString());
  storage::SandboxManifest manifest;
  manifest.id = "cl-a";
  manifest.template_name = "minimal";
  manifest.network = *policy;
  const auto read = storage::parse_sandbox_manifest(storage::to_json(manifest));
  ASSERT_TRUE(read) << read.error().to_string();
  const auto egress = egress_policy_of(read->network);
  ASSERT_TRUE(egress) << egress.error().to_string();
  EXPECT_TRUE(egress->deny_internet);
  EXPECT_EQ(egress->allow.size(), 2u);
  const hostnet::Ipv4Block everything{.network = {0}, .prefix = 0};
  EXPECT_EQ(egress->deny, std::vector{everything});
}

TEST(NetworkPolicy, AnEmptyOneIsTheDefault) {
  EXPECT_EQ(*network_policy_of(pb::NetworkPolicy()), storage::NetworkPolicy());
  EXPECT_EQ(*egress_policy_of({}), hostnet::EgressPolicy());
}

TEST(NetworkPolicy, EveryEntryIsLookedAt) {
  pb::NetworkPolicy message;
  message.add_allow_out("198.51.100.7");
  message.add_deny_out("203.0.113.0/24");
  message.add_deny_out("example.com");
  const auto refused = network_policy_of(message);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::kInvalidArgument);
  EXPECT_EQ(refused.error().message,
            "deny_out: 'example.com' is a name, and only addresses are taken");
  pb::NetworkPolicy large;
  for (std::size_t i = 0; i <= hostnet::kMaxPolicyBlocks; ++i) large.add_allow_out("1.2.3.4");
  EXPECT_EQ(network_policy_of(large).error().code, base::Code::kInvalidArgument);
}

TEST(NetworkPolicy, DenialsAreToldByName) {
  const auto message = to_message(hostnet::Denial{{0x01020304}, 6, 443, 9, 1'700'000'000});
  EXPECT_EQ(message.address(), "1.2.3.4");
  EXPECT_EQ(message.protocol(), "tcp");
  EXPECT_EQ(message.port(), 443u);
  EXPECT_EQ(message.packets(), 9);
  EXPECT_EQ(message.last_at_unix(), 1'700'000'000);
}

}  // namespace
}  // namespace wrenn::agent
