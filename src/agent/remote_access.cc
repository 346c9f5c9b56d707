#include "agent/remote_access.h"

#include <limits>

#include "base/log.h"
#include "base/strings.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;

struct Place {
  std::string ip;  // In brackets, as it stands before a port.
  std::uint16_t port = 0;
};

Result<Place> parse_place(std::string_view flag, const std::string& text) {
  const auto endpoint = net::Endpoint::parse(text);
  const auto colon = text.rfind(':');
  const bool is_network = endpoint && !endpoint->is_unix() && colon > 0;
  const auto port = is_network ? base::parse_int<std::uint16_t>(text.substr(colon + 1))
                               : std::optional<std::uint16_t>();
  if (!port || *port == 0 || text.starts_with("0.0.0.0:") || text.starts_with("[::]:")) {
    return base::fail(Code::kInvalidArgument, concat(flag, " '", text, "' is no address of a host"),
                      "give IP:PORT as the control plane reaches this machine, such as "
                      "203.0.113.7:50051");
  }
  return Place{text.substr(0, colon), *port};
}

Result<net::Endpoint> listen_at(const Place& place, const std::string& listen_ip) {
  return net::Endpoint::parse(concat(listen_ip.empty() ? place.ip : listen_ip, ":", place.port));
}

Result<HostCredentials> credentials_of(const RemoteOptions& options, const HostAddresses& addresses,
                                       const base::Path& wrenn_dir) {
  WRENN_TRY_ASSIGN(auto kept, load_credentials(wrenn_dir));
  if (kept) {
    if (!options.token.empty()) {
      base::log_info("this host has registered already; the token is not needed", {});
    }
    if (!options.control_plane.empty()) kept->control_plane = options.control_plane;
    return *std::move(kept);
  }
  if (options.token.empty()) {
    return base::fail(Code::kFailedPrecondition, "this host has not registered yet",
                      "start it once with --register TOKEN; `wrenn host add NAME` prints a token");
  }
  if (options.control_plane.empty()) {
    return base::fail(Code::kInvalidArgument, "it is not said with which control plane",
                      "add --control-plane URL (WRENN_CP_URL)");
  }
  WRENN_TRY_ASSIGN(const auto control_plane, ControlPlaneClient::create(options.control_plane));
  return register_host(control_plane, options.token, addresses, wrenn_dir);
}

}  // namespace

Result<RemotePlaces> parse_places(const RemoteOptions& options) {
  WRENN_TRY_ASSIGN(const Place agent, parse_place("--address", options.address));
  Place proxy{agent.ip, static_cast<std::uint16_t>(agent.port + 1)};
  if (!options.proxy_address.empty()) {
    WRENN_TRY_ASSIGN(proxy, parse_place("--proxy-address", options.proxy_address));
  } else if (agent.port == std::numeric_limits<std::uint16_t>::max()) {
    return base::fail(Code::kInvalidArgument, "there is no port after that of --address",
                      "say --proxy-address IP:PORT");
  }
  WRENN_TRY_ASSIGN(auto agent_listen, listen_at(agent, options.listen_ip));
  WRENN_TRY_ASSIGN(auto proxy_listen, listen_at(proxy, options.listen_ip));
  return RemotePlaces{{concat(agent.ip, ":", agent.port), concat(proxy.ip, ":", proxy.port)},
                      std::move(agent_listen),
                      std::move(proxy_listen)};
}

Result<std::optional<RemoteHost>> open_remote_access(const RemoteOptions& options,
                                                     const base::Path& wrenn_dir) {
  if (options.address.empty()) {
    if (options.token.empty()) return std::nullopt;
    return base::fail(Code::kInvalidArgument, "a host that registers needs an address",
                      "add --address IP:PORT, as the control plane reaches this machine");
  }
  WRENN_TRY_ASSIGN(RemotePlaces places, parse_places(options));
  WRENN_TRY_ASSIGN(HostCredentials credentials,
                   credentials_of(options, places.addresses, wrenn_dir));
  WRENN_TRY_ASSIGN(auto control_plane, ControlPlaneClient::create(credentials.control_plane));
  WRENN_TRY_ASSIGN(auto security, host_security(credentials));
  return RemoteHost{.credentials = std::move(credentials),
                    .addresses = std::move(places.addresses),
                    .control_plane = std::move(control_plane),
                    .security = security,
                    .agent = {std::move(places.agent_listen), security},
                    .proxy = {std::move(places.proxy_listen), security}};
}

}  // namespace wrenn::agent
