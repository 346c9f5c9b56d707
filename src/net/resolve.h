// Names to addresses. Apart from endpoint.h because static programs cannot link the resolver.
#pragma once

#include <cstdint>
#include <string>

#include "net/endpoint.h"

namespace wrenn::net {

// The first address of the name, which may be an address already. Blocking. kUnavailable when the
// name is unknown or the resolver does not answer.
base::Result<Endpoint> resolve(const std::string& host, std::uint16_t port);

}  // namespace wrenn::net
