#include "net/tls.h"

#include <array>

#include "base/strings.h"
#include "net/openssl_types.h"

namespace wrenn::net {

using base::Code;
using base::Result;

struct TlsSecurity::Shared {
  openssl::Context context;
  std::string peer;
  TlsSide side;
};

namespace {

// Alerts of the peer are reasons from 1000 on (ssl(7)): 1000 and its number (RFC 8446, section 6).
constexpr int kFirstAlert = SSL_AD_REASON_OFFSET;

bool is_about_certificates(int alert) {
  switch (alert) {
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case TLS13_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

// The certificate itself comes last, after all above it have been found good.
int verify(int is_good, X509_STORE_CTX* store) {
  if (is_good != 1 || X509_STORE_CTX_get_error_depth(store) != 0) return is_good;
  const auto* connection = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto* peer =
      static_cast<const std::string*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(connection)));
  if (openssl::uri_of(X509_STORE_CTX_get_current_cert(store)) == *peer) return 1;
  X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
  return 0;
}

Result<void> trust(SSL_CTX* context, std::string_view authorities) {
  const openssl::Bio from = openssl::reader(authorities);
  int count = 0;
  while (const auto authority = openssl::read_certificate(from.get())) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), authority.get()) != 1) {
      return openssl::fail(Code::kInvalidArgument, "an authority is not usable");
    }
    ++count;
  }
  if (count == 0) {
    return openssl::fail(Code::kInvalidArgument, "the authority's certificate cannot be read");
  }
  ERR_clear_error();  // Of the attempt to read one more.
  return {};
}

Result<void> show(SSL_CTX* context, const TlsIdentity& identity) {
  const openssl::Bio from = openssl::reader(identity.certificate);
  const auto certificate = openssl::read_certificate(from.get());
  if (certificate == nullptr || SSL_CTX_use_certificate(context, certificate.get()) != 1) {
    return openssl::fail(Code::kInvalidArgument, "the certificate cannot be read");
  }
  const auto key = openssl::read_private_key(identity.key.reveal());
  if (key == nullptr || SSL_CTX_use_PrivateKey(context, key.get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return openssl::fail(Code::kInvalidArgument, "the key is not the certificate's");
  }
  return {};
}

}  // namespace

class TlsFilter final : public StreamFilter {
 public:
  static Result<std::unique_ptr<StreamFilter>> create(
      std::shared_ptr<const TlsSecurity::Shared> shared) {
    openssl::Connection connection(SSL_new(shared->context.get()));
    openssl::Bio in(BIO_new(BIO_s_mem()));
    openssl::Bio out(BIO_new(BIO_s_mem()));
    if (connection == nullptr || in == nullptr || out == nullptr) {
      return openssl::fail(Code::kResourceExhausted, "cannot begin TLS");
    }
    return std::make_unique<TlsFilter>(std::move(shared), std::move(connection), std::move(in),
                                       std::move(out));
  }

  TlsFilter(std::shared_ptr<const TlsSecurity::Shared> shared, openssl::Connection connection,
            openssl::Bio in, openssl::Bio out)
      : shared_(std::move(shared)), tls_(std::move(connection)) {
    in_ = in.get();
    out_ = out.get();
    SSL_set_bio(tls_.get(), in.release(), out.release());
    if (shared_->side == TlsSide::kServer) {
      SSL_set_accept_state(tls_.get());
    } else {
      SSL_set_connect_state(tls_.get());
    }
  }

  Result<bool> handshake() override {
    ERR_clear_error();
    const int done = SSL_do_handshake(tls_.get());
    collect();
    if (done == 1) return true;
    if (SSL_get_error(tls_.get(), done) == SSL_ERROR_WANT_READ) return false;
    return base::fail(failure());
  }

  Result<void> receive(std::string_view bytes) override {
    const int taken = BIO_write(in_, bytes.data(), static_cast<int>(bytes.size()));
    if (taken != static_cast<int>(bytes.size())) {
      return openssl::fail(Code::kResourceExhausted, "cannot keep what came over TLS");
    }
    return {};
  }

  Result<std::size_t> decode(std::span<char> buffer) override {
    if (at_end()) return std::size_t{0};
    ERR_clear_error();
    std::size_t size = 0;
    const int got = SSL_read_ex(tls_.get(), buffer.data(), buffer.size(), &size);
    collect();
    if (got == 1) return size;
    const int error = SSL_get_error(tls_.get(), got);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
    return base::fail(failure());
  }

  bool at_end() const override {
    return (SSL_get_shutdown(tls_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  }
  bool has_received() const override {
    return SSL_has_pending(tls_.get()) == 1 || BIO_ctrl_pending(in_) > 0;
  }

  Result<void> encode(std::string_view bytes) override {
    ERR_clear_error();
    std::size_t size = 0;
    // All of it: the memory behind it takes whatever comes.
    const int put = SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &size);
    collect();
    if (put != 1) return base::fail(failure());
    return {};
  }

  void finish() override {
    ERR_clear_error();
    // Fails on a connection that is broken: then nobody waits for the end.
    SSL_shutdown(tls_.get());
    ERR_clear_error();
    collect();
  }

  std::string_view outgoing() const override { return std::string_view(outgoing_).substr(gone_); }
  void consume_outgoing(std::size_t bytes) override {
    gone_ += bytes;
    if (gone_ < outgoing_.size()) return;
    gone_ = 0;
    outgoing_.clear();
    // An idle connection keeps no memory for what it may have to send.
    if (outgoing_.capacity() > kKept) outgoing_.shrink_to_fit();
  }

 private:
  static constexpr std::size_t kKept = 4096;

  // What OpenSSL has written, to where the stream takes it.
  void collect() {
    const std::size_t waiting = BIO_ctrl_pending(out_);
    if (waiting == 0) return;
    const std::size_t before = outgoing_.size();
    outgoing_.resize(before + waiting);
    const int n = BIO_read(out_, outgoing_.data() + before, static_cast<int>(waiting));
    outgoing_.resize(before + static_cast<std::size_t>(n > 0 ? n : 0));
  }

  base::Error failure() const {
    const unsigned long error = ERR_peek_last_error();
    const int reason = ERR_GET_REASON(error);
    const long verified = SSL_get_verify_result(tls_.get());
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verified == X509_V_ERR_HOSTNAME_MISMATCH) {
      ERR_clear_error();
      return {Code::kUnauthenticated,
              base::concat("the other side is not '", shared_->peer, "' by its certificate")};
    }
    if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
      ERR_clear_error();
      return {Code::kUnauthenticated, base::concat("the other side's certificate is not accepted: ",
                                                   X509_verify_cert_error_string(verified))};
    }
    if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
      ERR_clear_error();
      return {Code::kUnauthenticated, "the other side has shown no certificate"};
    }
    if (reason > kFirstAlert && is_about_certificates(reason - kFirstAlert)) {
      return {
          Code::kUnauthenticated,
          base::concat("the other side does not accept our certificate: ", openssl::last_reason())};
    }
    return {Code::kUnavailable, base::concat("TLS failed: ", openssl::last_reason())};
  }

  const std::shared_ptr<const TlsSecurity::Shared> shared_;
  const openssl::Connection tls_;
  BIO* in_ = nullptr;  // Both belong to tls_.
  BIO* out_ = nullptr;
  std::string outgoing_;
  std::size_t gone_ = 0;  // Of outgoing_.
};

TlsSecurity::TlsSecurity(TlsSide side, std::string peer, std::shared_ptr<const Shared> shared)
    : side_(side), peer_(std::move(peer)), shared_(std::move(shared)) {}
TlsSecurity::~TlsSecurity() = default;

Result<std::shared_ptr<const TlsSecurity::Shared>> TlsSecurity::load(TlsSide side,
                                                                     const TlsIdentity& identity,
                                                                     const std::string& peer) {
  ERR_clear_error();
  auto shared = std::make_shared<Shared>();
  shared->peer = peer;
  shared->side = side;
  shared->context.reset(SSL_CTX_new(TLS_method()));
  SSL_CTX* context = shared->context.get();
  if (context == nullptr || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1) {
    return openssl::fail(Code::kInternal, "cannot set up TLS");
  }
  WRENN_TRY(show(context, identity));
  WRENN_TRY(trust(context, identity.authorities));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, verify);
  SSL_CTX_set_app_data(context, &shared->peer);
  // A resumed session would outlive the certificates it was made with; and a ticket that comes when
  // nobody reads would make a kept connection look as if it were used.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  return shared;
}

Result<std::shared_ptr<TlsSecurity>> TlsSecurity::create(TlsSide side, const TlsIdentity& identity,
                                                         std::string peer) {
  WRENN_TRY_ASSIGN(auto shared, load(side, identity, peer));
  return std::shared_ptr<TlsSecurity>(new TlsSecurity(side, std::move(peer), std::move(shared)));
}

Result<void> TlsSecurity::replace(const TlsIdentity& identity) {
  WRENN_TRY_ASSIGN(auto shared, load(side_, identity, peer_));
  const std::lock_guard lock(mutex_);
  shared_ = std::move(shared);
  return {};
}

Result<std::unique_ptr<StreamFilter>> TlsSecurity::make_filter() const {
  std::shared_ptr<const Shared> shared;
  {
    const std::lock_guard lock(mutex_);
    shared = shared_;
  }
  return TlsFilter::create(std::move(shared));
}

}  // namespace wrenn::net
