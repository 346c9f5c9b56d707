// What a sandbox may reach of the Internet, as the API has it. Pure and thread-safe; reads what
// clients send.
#pragma once

#include <string_view>

#include <boost/json/fwd.hpp>

#include "control/api/errors.h"
#include "db/network_policy.h"

namespace hostagent::v1 {
class NetworkPolicy;
}

namespace wrenn::control {

class JsonFields;

// The field `network` of a larger body; what is left out is as of a sandbox that may reach all. A
// mistake is the fields'.
db::NetworkPolicy read_network(JsonFields& fields);
// A body that is nothing else.
Answer<db::NetworkPolicy> parse_network(std::string_view body);

boost::json::object network_object(const db::NetworkPolicy& policy);
void to_rpc(const db::NetworkPolicy& policy, hostagent::v1::NetworkPolicy& message);

// Whether a policy can open it: false for what no sandbox ever reaches, private addresses for
// example, and for what is no IPv4 address.
bool can_be_allowed(std::string_view address);

}  // namespace wrenn::control
