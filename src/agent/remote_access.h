// Whether, and how, this host is called over a network: what flags say and what it keeps from its
// registration. Blocking.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "agent/control_plane_client.h"
#include "agent/control_plane_socket.h"
#include "agent/host_credentials.h"
#include "agent/registration.h"
#include "base/files.h"
#include "base/secret.h"

namespace wrenn::agent {

struct RemoteOptions {
  base::Secret token;         // For the first start; not looked at once the host has registered.
  std::string address;        // IP:PORT, as the control plane reaches it. Empty: not at all.
  std::string proxy_address;  // The same for traffic; empty: the next port.
  std::string listen_ip;      // Where that is another one than the control plane's way; or empty.
  std::string control_plane;  // The URL of its API; empty: as at the registration.
};

struct RemoteHost {
  HostCredentials credentials;
  HostAddresses addresses;
  ControlPlaneClient control_plane;
  std::shared_ptr<net::TlsSecurity> security;
  RemoteAccess agent;
  RemoteAccess proxy;
};

struct RemotePlaces {
  HostAddresses addresses;
  net::Endpoint agent_listen;
  net::Endpoint proxy_listen;
};
// kInvalidArgument for what is no address of a network. Pure.
base::Result<RemotePlaces> parse_places(const RemoteOptions& options);

// Registers the host first where it has no credentials. Nothing when no address is given.
base::Result<std::optional<RemoteHost>> open_remote_access(const RemoteOptions& options,
                                                           const base::Path& wrenn_dir);

}  // namespace wrenn::agent
