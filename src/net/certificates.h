// X.509 as Wrenn uses it between its own programs: keys on the curve P-256, and one authority that
// signs what others ask for. Everything is PEM text. No I/O; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"

namespace wrenn::net {

// More than any certificate or request of ours has; longer texts are refused unread.
inline constexpr std::size_t kMaxPemBytes = 16 * 1024;

// Seconds since 1970.
struct Validity {
  std::int64_t begins = 0;
  std::int64_t ends = 0;
};

struct Authority {
  std::string certificate;
  base::Secret key;
};

// What a certificate is good for: a stolen one of a server cannot be a client's.
enum class CertificateUse { kServer, kClient };

struct CertificateSubject {
  std::string common_name;  // For people, at most 64 bytes.
  std::string uri;          // Who that is to programs, such as "wrenn:host:host-1234".
  CertificateUse use = CertificateUse::kServer;
};

struct CertificateFacts {
  std::string serial;       // Hexadecimal, in capitals.
  std::string fingerprint;  // SHA-256 of the certificate, hexadecimal.
  std::string uri;          // Empty: none.
  Validity validity;
};

base::Result<base::Secret> make_private_key();
base::Result<Authority> make_authority(const std::string& common_name, Validity validity);

// Shows the authority a public key, and that its owner has the private one.
base::Result<std::string> make_certificate_request(const base::Secret& key);
// The subject is what the authority says: names in the request count for nothing.
// kInvalidArgument when the request is not one, is not signed by its key, or is not on P-256.
base::Result<std::string> sign_certificate_request(std::string_view request,
                                                   const Authority& authority,
                                                   const CertificateSubject& subject,
                                                   Validity validity);

// kInvalidArgument when it is none.
base::Result<CertificateFacts> read_certificate(std::string_view certificate);
// Whether the certificate is this key's. kInvalidArgument when one of them cannot be read.
base::Result<bool> belongs_together(std::string_view certificate, const base::Secret& key);

// ECDSA with SHA-256, as bytes.
base::Result<std::string> sign_message(std::string_view message, const base::Secret& key);
// kUnauthenticated when the signature is not that of the certificate's key. When and for what the
// certificate is good is not looked at.
base::Result<void> check_signature(std::string_view message, std::string_view signature,
                                   std::string_view certificate);

}  // namespace wrenn::net
