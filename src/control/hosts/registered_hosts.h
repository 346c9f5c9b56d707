// RegisteredHosts: keeps what this process knows of registered hosts in agreement with the database
// while it runs. A host that registers is called and reconciled from then on, one that has moved is
// called at its new address, and one that was removed is called no more; calls that are under way
// end by themselves.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "control/hosts/host_directory.h"
#include "control/hosts/reconciler.h"
#include "control/services.h"
#include "net/scope.h"
#include "net/sync.h"
#include "net/tls.h"

namespace wrenn::control {

// Registered hosts are further away than the one of this machine.
inline constexpr base::Duration kHostSilence = std::chrono::seconds(90);

// For the API's loop; the services must outlive it.
class RegisteredHosts {
 public:
  // `silence`: how long a host may be silent before its sandboxes count as missing. `tell`: called
  // with each host that is there or has changed, and with the id of each that is gone, for others
  // who call hosts.
  struct Listener {
    std::function<void(const HostAddress&)> on_host;
    std::function<void(const std::string&)> on_gone;
  };
  RegisteredHosts(Services& services, Listener tell, base::Duration silence = kHostSilence)
      : services_(services), tell_(std::move(tell)), silence_(silence) {}
  RegisteredHosts(const RegisteredHosts&) = delete;
  RegisteredHosts& operator=(const RegisteredHosts&) = delete;

  // Once a second until stopped, and reconciles the hosts meanwhile.
  net::Task<void> run();
  // Until the first look of run(): before that there seem to be no such hosts.
  net::Task<base::Result<void>> wait_until_known() { return has_looked_.wait(); }
  // One look at the database.
  net::Task<base::Result<void>> run_once(net::TaskScope& scope);

 private:
  // One host as it is called now.
  struct Watched {
    Watched(Services& services, const std::string& id, base::Duration silence, net::StopToken stop)
        : stop(stop), reconciler(services, id, silence) {}
    std::string agent;  // Its addresses.
    std::string proxy;
    std::shared_ptr<net::TlsSecurity> security;
    net::StopSource stop;
    Reconciler reconciler;
  };

  base::Result<void> renew_identity();
  base::Result<void> take(const db::RegisteredHost& host, net::TaskScope& scope);
  void drop(const std::string& id);
  static net::Task<void> reconcile(Watched& watched);

  Services& services_;
  const Listener tell_;
  const base::Duration silence_;
  net::Event has_looked_;
  std::optional<net::TlsIdentity> identity_;  // The control plane's own.
  base::SteadyTime identity_since_{};
  std::map<std::string, std::unique_ptr<Watched>> watched_;  // By host id.
  // Their tasks may not have ended yet.
  std::vector<std::unique_ptr<Watched>> dropped_;
};

}  // namespace wrenn::control
