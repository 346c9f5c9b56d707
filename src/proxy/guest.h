// Guest: one sandbox as the proxy on its host sees it, and GuestTable: all of them. For the data
// plane's loop.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/secret.h"
#include "net/connection_pool.h"
#include "net/scope.h"
#include "proxy/activity.h"
#include "proxy/exchange.h"
#include "proxy/limits.h"
#include "proxy/proxy_stats.h"

namespace wrenn::proxy {

// Says when the ports that programs in a guest listen on have changed.
class PortWatch {
 public:
  virtual ~PortWatch() = default;
  // Until the port can be reached, or `limit` has passed.
  virtual net::Task<void> wait_until_open(std::uint16_t port, base::Duration limit) = 0;
};

struct GuestLimits {
  std::size_t max_open = 2000;       // Requests and tunnels at once.
  int connections_per_second = 500;  // New ones to the guest.
  int connection_burst = 1000;
  // Whether an open tunnel or WebSocket is use of the sandbox also while no byte moves.
  bool idle_tunnels_are_use = true;
};

struct GuestSettings {
  std::string id;
  std::function<net::Endpoint(std::uint16_t)> endpoint;  // Of a port, inside the namespace.
  base::Fd netns;                                        // None: the proxy's own network.
  base::Secret envd_token;
  std::shared_ptr<Activity> activity;
  std::unique_ptr<PortWatch> ports;  // None: dialling is retried blindly.
};

class Guest;

// The connections to one port. Dialling is tried three times, with pauses of 100 and 200 ms: a
// program may just be starting.
class GuestPort final : public Upstream {
 public:
  GuestPort(Guest& guest, std::uint16_t port);
  std::unique_ptr<net::ClientConnection> take_idle() override { return pool_.take_idle(); }
  net::Task<std::expected<std::unique_ptr<net::ClientConnection>, Fault>> dial() override;
  void give_back(std::unique_ptr<net::ClientConnection> connection) override {
    pool_.give_back(std::move(connection));
  }
  void on_bytes(Flow flow, std::uint64_t bytes) override;

 private:
  Guest& guest_;
  const std::uint16_t port_;
  net::ConnectionPool pool_;
};

class Guest {
 public:
  // All of them together count in `stats`.
  Guest(GuestSettings settings, const GuestLimits& limits, ProxyStats& stats);
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  const std::string& id() const { return settings_.id; }
  bool is_envd_token(std::string_view token) const;
  // Lives as long as the guest. kTooMany when the guest has as many ports in use as may be.
  std::expected<GuestPort*, Fault> port(std::uint16_t number);
  // Fires when the guest goes.
  net::StopToken token() { return stop_.token(); }

  // While one exists, the guest does.
  class Use {
   public:
    Use(Guest& guest, bool is_tunnel, bool is_activity);
    Use(Use&& other) noexcept
        : guest_(std::exchange(other.guest_, nullptr)),
          is_tunnel_(other.is_tunnel_),
          is_activity_(other.is_activity_) {}
    Use& operator=(Use&&) = delete;
    ~Use();

   private:
    Guest* guest_;
    bool is_tunnel_;
    bool is_activity_;
  };
  // kTooMany. `is_tunnel`: it may be open and idle for long.
  std::expected<Use, Fault> enter(bool is_tunnel);

 private:
  friend class GuestPort;
  friend class GuestTable;
  const GuestSettings settings_;
  const GuestLimits& limits_;
  ProxyStats& stats_;
  net::StopSource stop_;
  std::size_t open_ = 0;
  std::size_t requests_ = 0;  // Of these, what will end by itself.
  bool is_leaving_ = false;
  net::WaitList unused_;  // Woken when either becomes 0.
  RateLimit dials_;
  base::SteadyTime touched_{};
  std::map<std::uint16_t, std::unique_ptr<GuestPort>> ports_;
};

class GuestTable {
 public:
  explicit GuestTable(GuestLimits limits) : limits_(limits) {}

  // One of the same id must have been removed.
  void add(GuestSettings settings);
  Guest* find(std::string_view id);
  // Nothing new begins. Requests that are under way have `patience` to end; then what is still open
  // is cut, and tunnels are in any case. Returns when nothing is left. Unknown ids are fine.
  net::Task<void> remove(std::string id, base::Duration patience = {});
  // Where all exchanges have ended, and none may begin any more.
  net::Task<void> remove_all();

  // Of the host's half of the proxy: read from any thread.
  ProxyStats& stats() { return stats_; }
  const ProxyStats& stats() const { return stats_; }

 private:
  net::Task<base::Result<void>> wait_for_requests(const std::string& id);

  const GuestLimits limits_;
  ProxyStats stats_;
  std::map<std::string, std::unique_ptr<Guest>, std::less<>> guests_;
};

}  // namespace wrenn::proxy
