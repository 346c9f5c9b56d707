// Which addresses lead out into the Internet. Pure.
#pragma once

struct sockaddr;

namespace wrenn::net {

// False for what the registries of special purpose addresses keep from global use (RFC 6890 and
// what updated it: private, loopback, link-local, shared, documentation, multicast, ...), for IPv4
// addresses of that kind in IPv6 clothes (mapped, NAT64, 6to4), and for any other family.
bool is_public_address(const sockaddr& address);

}  // namespace wrenn::net
