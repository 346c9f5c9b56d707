// HostDirectory: the hosts that this control plane was told of, and who to ask about each.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/hosts/agent_client.h"
#include "db/host_store.h"
#include "net/endpoint.h"

namespace wrenn::control {

inline constexpr std::string_view kLocalHost = "local";
// The same for the same name, always; host-000... for the local one.
std::string host_id_of(std::string_view name);
// The host that the control plane shares its machine with.
inline std::string local_host_id() {
  return host_id_of(kLocalHost);
}

struct HostAddress {
  std::string name;
  std::string id;
  net::Endpoint agent;  // Where its agent takes calls.
  net::Endpoint proxy;  // And where it takes traffic for ports.
  // Of both, over a network; none for sockets of this machine.
  std::shared_ptr<const net::StreamSecurity> security = nullptr;
};

// Each of both is NAME=ENDPOINT, or an endpoint alone for the local host. Where nothing is said of
// the proxy it is the socket proxy.sock beside that of the agent; for the local host
// `local_proxy`. kInvalidArgument for what cannot be read, is said twice, or is missing.
base::Result<std::vector<HostAddress>> parse_hosts(const std::vector<std::string>& agents,
                                                   const std::vector<std::string>& proxies,
                                                   const std::string& local_proxy);

// Puts them into the database, before any sandbox can be there; unreachable until they are heard.
// Others that it knows from before are offline. Blocking.
base::Result<void> register_hosts(db::HostStore& store, const std::vector<HostAddress>& hosts);

// Clients for one loop, whose thread alone changes it; what is const is thread-safe.
class HostDirectory {
 public:
  explicit HostDirectory(const std::vector<HostAddress>& hosts);
  HostDirectory(const HostDirectory&) = delete;
  HostDirectory& operator=(const HostDirectory&) = delete;

  // It lives as long as the directory, also when the host is retired. kUnavailable for a host that
  // is not among them.
  base::Result<AgentClient*> agent(const std::optional<std::string>& host_id) const;
  bool contains(const std::string& host_id) const;
  std::vector<std::string> ids() const;
  // A host that is new, or has moved: from now on it is called there.
  void put(const HostAddress& host);
  // It is called no more. Calls that are under way go on.
  void retire(const std::string& host_id);
  // As AgentClient's.
  void close_idle();

 private:
  void set_aside(std::unique_ptr<AgentClient> agent);

  mutable std::mutex mutex_;                                                 // Of agents_.
  std::map<std::string, std::unique_ptr<AgentClient>, std::less<>> agents_;  // By host id.
  std::vector<std::unique_ptr<AgentClient>> retired_;  // Somebody may be calling them still.
};

}  // namespace wrenn::control
