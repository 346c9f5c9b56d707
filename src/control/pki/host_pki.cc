#include "control/pki/host_pki.h"

#include "base/strings.h"

namespace wrenn::control {
namespace {

using base::Result;

constexpr std::string_view kAuthority = "hosts";
constexpr std::int64_t kAuthorityDays = 3650;
constexpr std::int64_t kControlPlaneDays = 2;
constexpr std::int64_t kDay = 24 * 3600;
// Clocks of hosts may be behind.
constexpr std::int64_t kBackdated = 300;

net::Validity days_from(std::int64_t now_ms, std::int64_t days) {
  const std::int64_t now = now_ms / 1000;
  return {.begins = now - kBackdated, .ends = now + days * kDay};
}

}  // namespace

std::string host_name_of(std::string_view host_id) {
  return base::concat("wrenn:host:", host_id);
}

Result<HostPki> HostPki::open(db::AuthorityStore& store, db::Clock clock) {
  const std::int64_t now = clock();
  WRENN_TRY_ASSIGN(auto kept, store.get_or_create(kAuthority, [now]() -> Result<db::KeptAuthority> {
    WRENN_TRY_ASSIGN(auto made, net::make_authority("Wrenn hosts", days_from(now, kAuthorityDays)));
    return db::KeptAuthority{std::move(made.certificate), std::move(made.key)};
  }));
  return HostPki({std::move(kept.certificate), std::move(kept.key)}, std::move(clock));
}

net::Validity HostPki::days_from_now(std::int64_t days) const {
  return days_from(clock_(), days);
}

Result<db::HostCertificate> HostPki::sign_host(std::string_view host_id,
                                               std::string_view request) const {
  WRENN_TRY_ASSIGN(std::string pem,
                   net::sign_certificate_request(request, authority_,
                                                 {.common_name = std::string(host_id),
                                                  .uri = host_name_of(host_id),
                                                  .use = net::CertificateUse::kServer},
                                                 days_from_now(kHostCertificateDays)));
  WRENN_TRY_ASSIGN(const auto facts, net::read_certificate(pem));
  return db::HostCertificate{
      .pem = std::move(pem), .serial = facts.serial, .ends_at = facts.validity.ends * 1000};
}

Result<net::TlsIdentity> HostPki::control_plane_identity() const {
  WRENN_TRY_ASSIGN(base::Secret key, net::make_private_key());
  WRENN_TRY_ASSIGN(const std::string request, net::make_certificate_request(key));
  WRENN_TRY_ASSIGN(std::string certificate,
                   net::sign_certificate_request(request, authority_,
                                                 {.common_name = "wrenn-cp",
                                                  .uri = std::string(kControlPlaneName),
                                                  .use = net::CertificateUse::kClient},
                                                 days_from_now(kControlPlaneDays)));
  return net::TlsIdentity{std::move(certificate), std::move(key), authority_.certificate};
}

}  // namespace wrenn::control
