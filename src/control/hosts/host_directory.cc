#include "control/hosts/host_directory.h"

#include <algorithm>

#include "base/crypto.h"
#include "base/id.h"
#include "base/log.h"
#include "base/strings.h"

namespace wrenn::control {
namespace {

using base::Code;
using base::concat;
using base::Result;

struct Named {
  std::string name;
  net::Endpoint endpoint;
};

bool is_name(std::string_view text) {
  constexpr std::size_t kMaxName = 63;
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
  return !text.empty() && text.size() <= kMaxName &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

// An equals sign may be in a path, but no name has a colon or a slash before it.
Result<Named> parse_named(std::string_view text) {
  const auto equals = text.find('=');
  std::string_view name = kLocalHost;
  if (equals != std::string_view::npos &&
      text.substr(0, equals).find_first_of(":/") == std::string_view::npos) {
    name = text.substr(0, equals);
    text.remove_prefix(equals + 1);
  }
  if (!is_name(name)) {
    return base::fail(Code::kInvalidArgument, concat("'", name, "' is no name of a host"),
                      "use up to 63 of a-z, 0-9 and -");
  }
  WRENN_TRY_ASSIGN(auto endpoint, net::Endpoint::parse(text));
  return Named{std::string(name), std::move(endpoint)};
}

Result<std::vector<Named>> parse_all(const std::vector<std::string>& texts) {
  std::vector<Named> all;
  for (const std::string& text : texts) {
    WRENN_TRY_ASSIGN(Named one, parse_named(text));
    if (std::ranges::count(all, one.name, &Named::name) > 0) {
      return base::fail(Code::kInvalidArgument, concat("the host '", one.name, "' is named twice"),
                        "give each host a name of its own: NAME=ENDPOINT");
    }
    all.push_back(std::move(one));
  }
  return all;
}

Result<net::Endpoint> default_proxy(const Named& agent, const std::string& local_proxy) {
  if (agent.name == kLocalHost) return net::Endpoint::parse(local_proxy);
  if (!agent.endpoint.is_unix()) {
    return base::fail(
        Code::kInvalidArgument,
        concat("it is not known where the host '", agent.name, "' takes traffic for ports"),
        concat("say so with --agent-proxy ", agent.name, "=ENDPOINT"));
  }
  const std::string& path = agent.endpoint.path();
  const auto slash = path.rfind('/');
  const std::string dir = slash == std::string::npos ? std::string() : path.substr(0, slash + 1);
  return net::Endpoint::unix_socket(dir + "proxy.sock");
}

}  // namespace

std::string host_id_of(std::string_view name) {
  constexpr std::size_t kDigits = 25;
  if (name == kLocalHost) return concat(base::kHostPrefix, base::Uuid().to_base36());
  // Hexadecimal digits are digits of base 36, too; the first one keeps it within 128 bits.
  return concat(base::kHostPrefix, "0", base::sha256_hex(name).substr(0, kDigits - 1));
}

Result<std::vector<HostAddress>> parse_hosts(const std::vector<std::string>& agents,
                                             const std::vector<std::string>& proxies,
                                             const std::string& local_proxy) {
  WRENN_TRY_ASSIGN(auto named, parse_all(agents));
  WRENN_TRY_ASSIGN(const auto named_proxies, parse_all(proxies));
  for (const Named& proxy : named_proxies) {
    if (std::ranges::count(named, proxy.name, &Named::name) == 0) {
      return base::fail(Code::kInvalidArgument,
                        concat("there is a proxy of the host '", proxy.name, "' but no agent"),
                        concat("add --agent ", proxy.name, "=ENDPOINT"));
    }
  }
  std::vector<HostAddress> hosts;
  for (Named& agent : named) {
    const auto said = std::ranges::find(named_proxies, agent.name, &Named::name);
    WRENN_TRY_ASSIGN(auto proxy, said == named_proxies.end()
                                     ? default_proxy(agent, local_proxy)
                                     : Result<net::Endpoint>(said->endpoint));
    hosts.push_back({agent.name, host_id_of(agent.name), agent.endpoint, std::move(proxy)});
  }
  return hosts;
}

Result<void> register_hosts(db::HostStore& store, const std::vector<HostAddress>& hosts) {
  for (const HostAddress& host : hosts) {
    WRENN_TRY(store.upsert({.id = host.id,
                            .name = host.name,
                            .address = host.agent.to_string(),
                            .status = db::HostStatus::kUnreachable}));
  }
  WRENN_TRY_ASSIGN(const auto known, store.list());
  for (db::Host host : known) {
    if (std::ranges::count(hosts, host.id, &HostAddress::id) > 0 || host.is_registered) continue;
    base::log_warn("a host of before is not named any more", {{"host", host.name}});
    host.status = db::HostStatus::kOffline;
    WRENN_TRY(store.upsert(host));
  }
  return {};
}

HostDirectory::HostDirectory(const std::vector<HostAddress>& hosts) {
  for (const auto& host : hosts) put(host);
}

Result<AgentClient*> HostDirectory::agent(const std::optional<std::string>& host_id) const {
  const std::lock_guard lock(mutex_);
  const auto found = agents_.find(host_id.value_or(""));
  if (found != agents_.end()) return found->second.get();
  return base::fail(Code::kUnavailable, "this control plane was not told where its host is",
                    "`wrenn host ls` lists the hosts; others are named by --agent NAME=ENDPOINT");
}

bool HostDirectory::contains(const std::string& host_id) const {
  const std::lock_guard lock(mutex_);
  return agents_.contains(host_id);
}

std::vector<std::string> HostDirectory::ids() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& [id, agent] : agents_) ids.push_back(id);
  return ids;
}

void HostDirectory::put(const HostAddress& host) {
  auto client = std::make_unique<AgentClient>(host.agent, host.security);
  {
    const std::lock_guard lock(mutex_);
    std::swap(agents_[host.id], client);
  }
  set_aside(std::move(client));
}

void HostDirectory::retire(const std::string& host_id) {
  std::unique_ptr<AgentClient> client;
  {
    const std::lock_guard lock(mutex_);
    const auto found = agents_.find(host_id);
    if (found == agents_.end()) return;
    client = std::move(found->second);
    agents_.erase(found);
  }
  set_aside(std::move(client));
}

void HostDirectory::set_aside(std::unique_ptr<AgentClient> agent) {
  if (agent == nullptr) return;
  agent->close_idle();
  retired_.push_back(std::move(agent));
}

void HostDirectory::close_idle() {
  for (const auto& [id, agent] : agents_) agent->close_idle();
  for (const auto& agent : retired_) agent->close_idle();
}

}  // namespace wrenn::control
