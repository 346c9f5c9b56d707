// TLS 1.3 with certificates on both sides, for Stream::secure(). Apart from wrenn_net, as the
// target wrenn_tls: the guest agent has no use for OpenSSL.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "net/stream_filter.h"

namespace wrenn::net {

// PEM texts, all three.
struct TlsIdentity {
  std::string certificate;
  base::Secret key;
  std::string authorities;  // Who signs the other side's certificates: one or more.
};

enum class TlsSide { kClient, kServer };

// Either side shows a certificate. That of the other must be signed by an authority, be valid now,
// be made for its side, and bear the expected name: a host is not another one, nor the control
// plane. Nothing older than TLS 1.3, no session is resumed. Thread-safe.
class TlsSecurity final : public StreamSecurity {
 public:
  // `peer`: the URI in the other side's certificate. kInvalidArgument when the identity cannot be
  // read or its key is not the certificate's.
  static base::Result<std::shared_ptr<TlsSecurity>> create(TlsSide side,
                                                           const TlsIdentity& identity,
                                                           std::string peer);
  ~TlsSecurity() override;

  // For the connections made from now on; those that exist are not disturbed.
  base::Result<void> replace(const TlsIdentity& identity);
  base::Result<std::unique_ptr<StreamFilter>> make_filter() const override;

 private:
  struct Shared;  // What the filters made from one identity share.
  TlsSecurity(TlsSide side, std::string peer, std::shared_ptr<const Shared> shared);
  static base::Result<std::shared_ptr<const Shared>> load(TlsSide side, const TlsIdentity& identity,
                                                          const std::string& peer);
  friend class TlsFilter;

  const TlsSide side_;
  const std::string peer_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Shared> shared_;
};

}  // namespace wrenn::net
