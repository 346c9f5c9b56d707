// DataPlane: where users and their browsers reach the ports of sandboxes. Its listener, its thread,
// its connections to the hosts and its way to the database are its own, so that proxied traffic
// slows no API call and no terminal.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "control/busy_sandboxes.h"
#include "control/hosts/host_directory.h"
#include "control/operations.h"
#include "control/proxy_settings.h"
#include "control/scheduler/fleet.h"
#include "db/api_key_store.h"
#include "db/port_store.h"
#include "db/sandbox_store.h"
#include "net/blocking.h"
#include "net/loop_thread.h"
#include "proxy/edge_proxy.h"

namespace wrenn::control {

// Connections to the data planes of the hosts, by the hosts' ids. For one loop, but find() for any
// thread.
class HostLinks {
 public:
  // It lives as long as the links, also when the host is retired; none for one that is unknown.
  net::ConnectionPool* find(const std::string& host_id) const;
  void put(const HostAddress& host);
  void retire(const std::string& host_id);
  void close_idle();

 private:
  void set_aside(std::unique_ptr<net::ConnectionPool> link);

  mutable std::mutex mutex_;  // Of links_.
  std::map<std::string, std::unique_ptr<net::ConnectionPool>> links_;
  std::vector<std::unique_ptr<net::ConnectionPool>> retired_;  // Some may be in use still.
};

// A sandbox was woken by traffic. Called on the data plane's thread.
using OnWake = std::function<void(const db::Sandbox&)>;

// What the control plane knows of places, kept for a moment. For the data plane's loop.
class PlaceCache final : public proxy::EdgeDirectory {
 public:
  // `links`: to the data planes of hosts; `directory`: for this loop.
  // `holder`: as SandboxStore's.
  PlaceCache(db::Database& database, const HostLinks& links, HostDirectory& directory,
             BusySandboxes& busy, Operations& operations, Fleet& fleet, std::string holder = {});

  net::Task<base::Result<std::shared_ptr<const proxy::SandboxPlace>>> find(std::string id) override;
  net::Task<base::Result<std::shared_ptr<const proxy::SandboxPlace>>> wake(
      std::string id, proxy::WakeReason reason) override;
  net::Task<base::Result<std::string>> team_of_key(std::string key) override;
  void set_on_wake(OnWake on_wake) { on_wake_ = std::move(on_wake); }
  void forget(const std::string& id) { places_.erase(id); }
  void forget_all() { places_.clear(); }

 private:
  template <class T>
  struct Entry {
    T value;
    base::SteadyTime read_at;
  };
  base::Result<std::shared_ptr<const proxy::SandboxPlace>> read_place(const std::string& id);
  template <class T>
  static void keep(std::map<std::string, Entry<T>>& entries, const std::string& key, T value);

  db::SandboxStore sandboxes_;
  db::PortStore ports_;
  db::ApiKeyStore keys_;
  db::HostStore hosts_;
  const HostLinks& links_;
  HostDirectory& directory_;
  BusySandboxes& busy_;
  Operations& operations_;
  Fleet& fleet_;
  OnWake on_wake_ = [](const db::Sandbox&) {};
  net::BlockingPool database_pool_;
  std::map<std::string, Entry<std::shared_ptr<const proxy::SandboxPlace>>> places_;
  std::map<std::string, Entry<std::string>> teams_;  // By the hash of the key.
};

struct DataPlaneOptions {
  net::Endpoint listen;
  std::vector<HostAddress> hosts;
  std::string scheme;
  std::string domain;
  std::string holder;  // As SandboxStore's.
  OnWake on_wake = [](const db::Sandbox&) {};
};

// Started and destroyed on the thread of the API.
class DataPlane {
 public:
  // Listens at once. What it is given must outlive it. kAlreadyExists when the address is
  // in use.
  static base::Result<std::unique_ptr<DataPlane>> start(const DataPlaneOptions& options,
                                                        db::Database& database,
                                                        const proxy::AccessKey& access,
                                                        BusySandboxes& busy, Operations& operations,
                                                        Fleet& fleet);
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;
  // Cuts everything that is open.
  ~DataPlane() = default;

  std::uint16_t port() const { return port_; }
  // From any thread.
  const proxy::ProxyStats& stats() const { return proxy_.stats(); }
  // What was known of the sandbox is out of date. Thread-safe.
  void forget(std::string sandbox_id);
  // As HostDirectory's. Thread-safe.
  void put_host(HostAddress host);
  void retire_host(std::string host_id);

 private:
  DataPlane(const DataPlaneOptions& options, db::Database& database, const proxy::AccessKey& access,
            BusySandboxes& busy, Operations& operations, Fleet& fleet);
  net::Task<void> serve(net::Listener listener);

  HostLinks links_;
  HostDirectory directory_;
  PlaceCache places_;
  proxy::EdgeProxy proxy_;
  std::uint16_t port_ = 0;
  net::LoopThread thread_;  // Ends before what it uses does.
};

}  // namespace wrenn::control
