// How a host becomes one of a control plane's, and stays it: it registers once with a token, and
// from then on says every 30 s that it is there and renews its certificate, signing with its key.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/control_plane_client.h"
#include "agent/host_credentials.h"
#include "base/files.h"
#include "base/result.h"
#include "base/secret.h"
#include "net/blocking.h"
#include "net/tls.h"

namespace wrenn::agent {

inline constexpr std::string_view kControlPlaneName = "wrenn:control-plane";

// Where the control plane calls, as it reaches this machine: IP:PORT, both.
struct HostAddresses {
  std::string agent;
  std::string proxy;
};

// Makes a key, gets a certificate for it, and saves both. kUnauthenticated for a token that is not
// good. Blocking.
base::Result<HostCredentials> register_host(const ControlPlaneClient& control_plane,
                                            const base::Secret& token,
                                            const HostAddresses& addresses,
                                            const base::Path& wrenn_dir);

// What the listeners of a host show, and whom they let in: the control plane alone.
base::Result<std::shared_ptr<net::TlsSecurity>> host_security(const HostCredentials& credentials);

// For the agent's loop; what blocks runs on the pool.
class Heartbeats {
 public:
  // `security` gets the renewed certificates.
  Heartbeats(net::BlockingPool& pool, ControlPlaneClient control_plane, HostCredentials credentials,
             HostAddresses addresses, base::Path wrenn_dir,
             std::shared_ptr<net::TlsSecurity> security);
  // The first at once, until stopped. What fails is logged when it begins to fail, and tried again.
  net::Task<void> run();

 private:
  base::Result<void> beat();
  base::Result<void> renew();
  bool is_renewal_due() const;
  base::Result<ControlPlaneReply> call(std::string_view what, const std::string& body);

  net::BlockingPool& pool_;
  const ControlPlaneClient control_plane_;
  HostCredentials credentials_;
  const HostAddresses addresses_;
  const base::Path wrenn_dir_;
  const std::shared_ptr<net::TlsSecurity> security_;
  std::int64_t last_signed_ms_ = 0;
  std::string last_failure_;
};

}  // namespace wrenn::agent
