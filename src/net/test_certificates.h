// Certificates for tests: one authority and what it signs.
#pragma once

#include <string>

#include "base/time.h"
#include "net/certificates.h"
#include "net/tls.h"

namespace wrenn::net {

inline Validity valid_for(std::int64_t seconds) {
  const std::int64_t now = base::unix_ms_now() / 1000;
  return {now - 60, now + seconds};
}

class TestAuthority {
 public:
  // All of it in PEM, trusting this authority.
  TlsIdentity issue(CertificateUse use, const std::string& uri,
                    Validity validity = valid_for(3600)) const {
    base::Secret key = *make_private_key();
    std::string certificate = *sign_certificate_request(*make_certificate_request(key), authority_,
                                                        {"a test", uri, use}, validity);
    return {std::move(certificate), std::move(key), authority_.certificate};
  }
  TlsIdentity server(const std::string& uri = "wrenn:host:1") const {
    return issue(CertificateUse::kServer, uri);
  }
  TlsIdentity client(const std::string& uri = "wrenn:control-plane") const {
    return issue(CertificateUse::kClient, uri);
  }
  const Authority& authority() const { return authority_; }

 private:
  Authority authority_ = *make_authority("the tests' authority", valid_for(3600));
};

}  // namespace wrenn::net
