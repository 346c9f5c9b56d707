// What a sandbox may reach: on the wire, in its manifest, and in the packet filter of its slot.
// Pure; thread-safe.
#pragma once

#include "base/result.h"
#include "hostnet/denials.h"
#include "hostnet/policy.h"
#include "proto/agent.pb.h"
#include "storage/manifest.h"

namespace wrenn::agent {

// kInvalidArgument, naming list and entry, for what the packet filter would not take.
base::Result<storage::NetworkPolicy> network_policy_of(const hostagent::v1::NetworkPolicy& message);
base::Result<hostnet::EgressPolicy> egress_policy_of(const storage::NetworkPolicy& policy);
hostagent::v1::NetworkPolicy to_message(const storage::NetworkPolicy& policy);
hostagent::v1::Denial to_message(const hostnet::Denial& denial);

}  // namespace wrenn::agent
