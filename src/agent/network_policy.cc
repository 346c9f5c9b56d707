#include "agent/network_policy.h"

namespace wrenn::agent {

namespace pb = hostagent::v1;
using base::Result;

static_assert(storage::kMaxNetworkEntries == hostnet::kMaxPolicyBlocks);

Result<storage::NetworkPolicy> network_policy_of(const pb::NetworkPolicy& message) {
  storage::NetworkPolicy policy{
      .deny_internet = message.deny_internet(),
      .allow_out = {message.allow_out().begin(), message.allow_out().end()},
      .deny_out = {message.deny_out().begin(), message.deny_out().end()}};
  WRENN_TRY(egress_policy_of(policy));
  return policy;
}

Result<hostnet::EgressPolicy> egress_policy_of(const storage::NetworkPolicy& policy) {
  hostnet::EgressPolicy egress{.deny_internet = policy.deny_internet, .allow = {}, .deny = {}};
  WRENN_TRY_ASSIGN(egress.allow, hostnet::parse_blocks("allow_out", policy.allow_out));
  WRENN_TRY_ASSIGN(egress.deny, hostnet::parse_blocks("deny_out", policy.deny_out));
  return egress;
}

pb::NetworkPolicy to_message(const storage::NetworkPolicy& policy) {
  pb::NetworkPolicy message;
  message.set_deny_internet(policy.deny_internet);
  message.mutable_allow_out()->Add(policy.allow_out.begin(), policy.allow_out.end());
  message.mutable_deny_out()->Add(policy.deny_out.begin(), policy.deny_out.end());
  return message;
}

pb::Denial to_message(const hostnet::Denial& denial) {
  pb::Denial message;
  message.set_address(denial.address.to_string());
  message.set_protocol(hostnet::protocol_name(denial.protocol));
  message.set_port(denial.port);
  message.set_packets(static_cast<std::int64_t>(denial.packets));
  message.set_last_at_unix(denial.last_unix_sec);
  return message;
}

}  // namespace wrenn::agent
