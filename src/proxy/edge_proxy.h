// EdgeProxy: the proxy at the control plane, where users and their browsers arrive. Knows who may
// reach which port, translates addresses, and hands requests to the host of the sandbox.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/connection_pool.h"
#include "net/http_server.h"
#include "proxy/access.h"
#include "proxy/exchange.h"
#include "proxy/forward.h"
#include "proxy/proxy_stats.h"
#include "proxy/rewrite.h"

namespace wrenn::proxy {

// What the control plane knows of a sandbox.
struct SandboxPlace {
  std::string team_id;
  bool is_running = false;
  bool can_wake = false;  // Traffic resumes it when it is paused.
  std::vector<std::uint16_t> public_ports;
  net::ConnectionPool* host = nullptr;  // To the data plane of its host; outlives every exchange.
};

enum class WakeReason {
  kAsleep,       // It is known to be paused.
  kHostRefused,  // It should run, but its host says that it does not.
};

// For the data plane's loop.
class EdgeDirectory {
 public:
  virtual ~EdgeDirectory() = default;
  // nullptr: there is no such sandbox. The answer may be a few seconds old.
  virtual net::Task<base::Result<std::shared_ptr<const SandboxPlace>>> find(std::string id) = 0;
  // Resumes one that can be woken, and returns once it runs; nullptr: there is none to wake. Not to
  // be stopped half-way: whoever asked may be gone then. Unless overridden: none is ever asleep.
  virtual net::Task<base::Result<std::shared_ptr<const SandboxPlace>>> wake(std::string id,
                                                                            WakeReason reason);
  // The team whose API key that is; empty: nobody's.
  virtual net::Task<base::Result<std::string>> team_of_key(std::string key) = 0;
};

struct EdgeSettings {
  std::string scheme = "http";  // As users see it: "https" behind something that does TLS.
  std::string domain = "localhost";
  std::size_t max_open = 2000;  // Requests and tunnels of one sandbox at once.
  // What our API keys begin with: other values of the same fields are the application's own.
  std::vector<std::string> api_key_prefixes = {"wrn_", "e2b_"};
};

// For the data plane's loop.
class EdgeProxy final : public net::HttpHandler {
 public:
  EdgeProxy(EdgeDirectory& directory, const AccessKey& access, EdgeSettings settings)
      : directory_(directory), access_(access), settings_(std::move(settings)) {}
  net::Task<base::Result<void>> handle(net::Request& request,
                                       net::ResponseWriter& response) override;
  // From any thread.
  const ProxyStats& stats() const { return stats_; }

 private:
  enum class Form { kHost, kPath, kTunnel };
  // One request on its way.
  struct Visit {
    net::Request& request;
    net::ResponseWriter& response;
    PortAddress address;
    Form form = Form::kHost;
    std::string authority;    // As the client wrote it.
    std::string target;       // What the application gets: origin form without the prefix.
    Credentials credentials;  // What it does not get.
  };
  class OpenCount;

  net::Task<base::Result<void>> visit(net::Request& request, net::ResponseWriter& response);
  std::expected<Visit, Fault> read_address(net::Request& request,
                                           net::ResponseWriter& response) const;
  net::Task<Outcome> serve(Visit& visit);
  net::Task<std::expected<bool, Fault>> authorize(Visit& visit, const SandboxPlace& place);
  net::Task<std::expected<bool, Fault>> open_preview(Visit& visit, std::string_view token);
  net::Task<Outcome> forward(Visit& visit, const SandboxPlace& place);
  net::Task<Outcome> wake_and_forward(Visit& visit, WakeReason reason);
  net::Task<Outcome> redirect(Visit& visit, int status, const std::string& target,
                              net::Headers fields);
  net::Task<base::Result<void>> answer(net::Request& request, net::ResponseWriter& response,
                                       const Fault& fault, const FaultPlace& place);
  std::string prefix(const Visit& visit) const;
  bool is_traffic_token(const std::string& sandbox_id, std::string_view token);

  EdgeDirectory& directory_;
  const AccessKey& access_;
  const EdgeSettings settings_;
  ProxyStats stats_;
  std::map<std::string, std::size_t, std::less<>> open_;
  std::map<std::string, std::string> traffic_tokens_;  // By sandbox: as they should be.
};

}  // namespace wrenn::proxy
