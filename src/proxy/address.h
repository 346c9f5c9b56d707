// The two forms of the address of a port inside a sandbox:
//
//     {port}-{sandbox id}.{domain}          the host form, one origin for each port
//     /proxy/{sandbox id}/{port}/...        the path form, for where there is no wildcard name
//
// All functions are pure and thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wrenn::proxy {

// Where envd listens. It has its own token, and is no application.
inline constexpr std::uint16_t kEnvdPort = 49983;

struct PortAddress {
  std::string sandbox_id;
  std::uint16_t port = 0;
  bool operator==(const PortAddress&) const = default;
};

// Reads a Host field, with or without a port of its own, in any case. Nothing for a host that is
// not one label in front of `domain`, or whose label does not begin with digits and '-': it is the
// control plane's own. kInvalidArgument for such a label with a bad port or id.
base::Result<std::optional<PortAddress>> parse_host(std::string_view host, std::string_view domain);

struct PathAddress {
  PortAddress address;
  // What follows the port, byte for byte: "/a%2Fb//?x=1". Without a '/' at its beginning the client
  // has to be sent to the address with one, or relative links lead out of the application. Lies in
  // the target.
  std::string_view rest;
};

inline constexpr std::string_view kProxyRoot = "/proxy/";
// Below it: connections that carry anything, not HTTP alone. GET with an upgrade to
// kTunnelProtocol.
inline constexpr std::string_view kTunnelRoot = "/tunnel/";
inline constexpr std::string_view kTunnelProtocol = "tcp";

// Reads a target in origin form. Nothing when it is not below `root`. kInvalidArgument for a bad
// port or id; no part of either may be percent-encoded, so that there is one way to write it.
base::Result<std::optional<PathAddress>> parse_path(std::string_view target,
                                                    std::string_view root = kProxyRoot);

// "/proxy/{sandbox id}/{port}".
std::string path_prefix(const PortAddress& address);

}  // namespace wrenn::proxy
