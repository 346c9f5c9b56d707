// HostPki: the certificates by which the control plane and the hosts know each other. Blocking
// where it says so, thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "db/authority_store.h"
#include "db/clock.h"
#include "db/host_registry.h"
#include "net/certificates.h"
#include "net/tls.h"

namespace wrenn::control {

inline constexpr std::string_view kControlPlaneName = "wrenn:control-plane";
// What a host's certificate calls it.
std::string host_name_of(std::string_view host_id);

inline constexpr std::int64_t kHostCertificateDays = 30;

class HostPki {
 public:
  // The installation's authority; the first start makes it, good for ten years. Blocking. Errors as
  // of AuthorityStore.
  static base::Result<HostPki> open(db::AuthorityStore& store, db::Clock clock = base::unix_ms_now);

  // For the host alone: it says who that is to whoever calls it. kInvalidArgument for what is no
  // request (net/certificates.h).
  base::Result<db::HostCertificate> sign_host(std::string_view host_id,
                                              std::string_view request) const;
  // What the control plane shows to hosts: a key and a certificate for two days, made anew by each
  // call and never stored.
  base::Result<net::TlsIdentity> control_plane_identity() const;
  // For hosts, to check who calls.
  const std::string& certificate() const { return authority_.certificate; }

 private:
  HostPki(net::Authority authority, db::Clock clock)
      : authority_(std::move(authority)), clock_(std::move(clock)) {}
  net::Validity days_from_now(std::int64_t days) const;

  const net::Authority authority_;
  const db::Clock clock_;
};

}  // namespace wrenn::control
