#include "net/certificates.h"

#include <array>
#include <ctime>
#include <memory>

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/rand.h>

#include "base/crypto.h"
#include "base/strings.h"
#include "net/openssl_types.h"

namespace wrenn::net {
namespace {

using base::Code;
using base::Result;

constexpr int kSerialBits = 127;
constexpr long kVersion3 = 2;

std::string to_text(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, static_cast<std::size_t>(size)};
}

Result<openssl::Key> make_key() {
  openssl::Key key(EVP_EC_gen("P-256"));
  if (key == nullptr) return openssl::fail(Code::kInternal, "cannot make a key");
  return key;
}

Result<std::string> to_pem(X509* certificate) {
  const openssl::Bio out(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(out.get(), certificate) != 1) {
    return openssl::fail(Code::kInternal, "cannot write a certificate");
  }
  return to_text(out.get());
}

Result<base::Secret> to_pem(EVP_PKEY* key) {
  const openssl::Bio out(BIO_new(BIO_s_secmem()));
  if (PEM_write_bio_PKCS8PrivateKey(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return openssl::fail(Code::kInternal, "cannot write a key");
  }
  return base::Secret(to_text(out.get()));
}

Result<openssl::Certificate> parse_certificate(std::string_view pem) {
  if (pem.size() > kMaxPemBytes) {
    return base::fail(Code::kInvalidArgument, "a certificate is too long");
  }
  const openssl::Bio from = openssl::reader(pem);
  auto certificate = openssl::read_certificate(from.get());
  if (certificate == nullptr) {
    return openssl::fail(Code::kInvalidArgument, "a certificate cannot be read");
  }
  return certificate;
}

Result<openssl::Key> parse_key(const base::Secret& pem) {
  auto key = openssl::read_private_key(pem.reveal());
  if (key == nullptr) return openssl::fail(Code::kInvalidArgument, "a key cannot be read");
  return key;
}

bool is_on_p256(const EVP_PKEY* key) {
  std::array<char, 64> group{};
  return EVP_PKEY_is_a(key, "EC") == 1 &&
         EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) == 1 &&
         std::string_view(group.data()) == "prime256v1";
}

Result<openssl::Request> parse_request(std::string_view pem) {
  if (pem.size() > kMaxPemBytes) {
    return base::fail(Code::kInvalidArgument, "a certificate request is too long");
  }
  const openssl::Bio from = openssl::reader(pem);
  openssl::Request request(
      PEM_read_bio_X509_REQ(from.get(), nullptr, openssl::no_password, nullptr));
  if (request == nullptr) {
    return openssl::fail(Code::kInvalidArgument, "a certificate request cannot be read");
  }
  EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || !is_on_p256(key)) {
    ERR_clear_error();
    return base::fail(Code::kInvalidArgument, "a certificate request needs a key on P-256");
  }
  if (X509_REQ_verify(request.get(), key) != 1) {
    ERR_clear_error();
    return base::fail(Code::kInvalidArgument, "a certificate request is not signed by its own key");
  }
  return request;
}

bool set_random_serial(X509* certificate) {
  const openssl::Number number(BN_new());
  return number != nullptr &&
         BN_rand(number.get(), kSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_name(X509_NAME* name, const std::string& common_name) {
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1;
}

// Both are configuration texts of OpenSSL (x509v3_config(5)): never of what a peer has sent.
bool add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const openssl::Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool add_uri(X509* certificate, const std::string& uri) {
  const openssl::Names names(GENERAL_NAMES_new());
  GENERAL_NAME* name = GENERAL_NAME_new();
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  if (names == nullptr || name == nullptr || text == nullptr ||
      ASN1_STRING_set(text, uri.data(), static_cast<int>(uri.size())) != 1) {
    GENERAL_NAME_free(name);
    ASN1_IA5STRING_free(text);
    return false;
  }
  GENERAL_NAME_set0_value(name, GEN_URI, text);
  if (sk_GENERAL_NAME_push(names.get(), name) <= 0) {
    GENERAL_NAME_free(name);
    return false;
  }
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, 0) == 1;
}

bool set_basics(X509* certificate, const std::string& common_name, Validity validity,
                EVP_PKEY* public_key) {
  const std::time_t begins = validity.begins;
  const std::time_t ends = validity.ends;
  return X509_set_version(certificate, kVersion3) == 1 && set_random_serial(certificate) &&
         set_name(X509_get_subject_name(certificate), common_name) &&
         ASN1_TIME_set(X509_getm_notBefore(certificate), begins) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), ends) != nullptr &&
         X509_set_pubkey(certificate, public_key) == 1;
}

std::int64_t unix_seconds(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
  return ::timegm(&parts);
}

}  // namespace

Result<base::Secret> make_private_key() {
  WRENN_TRY_ASSIGN(const openssl::Key key, make_key());
  return to_pem(key.get());
}

Result<Authority> make_authority(const std::string& common_name, Validity validity) {
  WRENN_TRY_ASSIGN(const openssl::Key key, make_key());
  const openssl::Certificate made(X509_new());
  X509* certificate = made.get();
  const bool is_made =
      certificate != nullptr && set_basics(certificate, common_name, validity, key.get()) &&
      X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1 &&
      // It signs what ends the chain, and no further authorities.
      add_extension(certificate, certificate, NID_basic_constraints,
                    "critical,CA:TRUE,pathlen:0") &&
      add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign") &&
      add_extension(certificate, certificate, NID_subject_key_identifier, "hash") &&
      X509_sign(certificate, key.get(), EVP_sha256()) > 0;
  if (!is_made) return openssl::fail(Code::kInternal, "cannot make an authority");
  WRENN_TRY_ASSIGN(std::string pem, to_pem(certificate));
  WRENN_TRY_ASSIGN(base::Secret key_pem, to_pem(key.get()));
  return Authority{std::move(pem), std::move(key_pem)};
}

Result<std::string> make_certificate_request(const base::Secret& key) {
  WRENN_TRY_ASSIGN(const openssl::Key own, parse_key(key));
  const openssl::Request request(X509_REQ_new());
  const openssl::Bio out(BIO_new(BIO_s_mem()));
  const bool is_made = request != nullptr && X509_REQ_set_pubkey(request.get(), own.get()) == 1 &&
                       X509_REQ_sign(request.get(), own.get(), EVP_sha256()) > 0 &&
                       PEM_write_bio_X509_REQ(out.get(), request.get()) == 1;
  if (!is_made) return openssl::fail(Code::kInternal, "cannot make a certificate request");
  return to_text(out.get());
}

Result<std::string> sign_certificate_request(std::string_view request, const Authority& authority,
                                             const CertificateSubject& subject, Validity validity) {
  WRENN_TRY_ASSIGN(const openssl::Request asked, parse_request(request));
  WRENN_TRY_ASSIGN(const openssl::Certificate issuer, parse_certificate(authority.certificate));
  WRENN_TRY_ASSIGN(const openssl::Key key, parse_key(authority.key));
  const char* use = subject.use == CertificateUse::kServer ? "serverAuth" : "clientAuth";
  const openssl::Certificate made(X509_new());
  X509* certificate = made.get();
  const bool is_made =
      certificate != nullptr &&
      set_basics(certificate, subject.common_name, validity, X509_REQ_get0_pubkey(asked.get())) &&
      X509_set_issuer_name(certificate, X509_get_subject_name(issuer.get())) == 1 &&
      add_extension(certificate, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") &&
      add_extension(certificate, issuer.get(), NID_key_usage, "critical,digitalSignature") &&
      add_extension(certificate, issuer.get(), NID_ext_key_usage, use) &&
      add_extension(certificate, issuer.get(), NID_subject_key_identifier, "hash") &&
      add_extension(certificate, issuer.get(), NID_authority_key_identifier, "keyid:always") &&
      add_uri(certificate, subject.uri) && X509_sign(certificate, key.get(), EVP_sha256()) > 0;
  if (!is_made) return openssl::fail(Code::kInternal, "cannot sign a certificate");
  return to_pem(certificate);
}

Result<CertificateFacts> read_certificate(std::string_view certificate) {
  WRENN_TRY_ASSIGN(const openssl::Certificate parsed, parse_certificate(certificate));
  CertificateFacts facts;
  const openssl::Number serial(ASN1_INTEGER_to_BN(X509_get0_serialNumber(parsed.get()), nullptr));
  if (serial != nullptr) {
    char* hex = BN_bn2hex(serial.get());
    if (hex != nullptr) facts.serial = hex;
    OPENSSL_free(hex);
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  if (X509_digest(parsed.get(), EVP_sha256(), digest.data(), &size) != 1) {
    return openssl::fail(Code::kInvalidArgument, "a certificate cannot be read");
  }
  facts.fingerprint = base::to_hex({reinterpret_cast<const char*>(digest.data()), size});
  facts.uri = openssl::uri_of(parsed.get());
  facts.validity = {unix_seconds(X509_get0_notBefore(parsed.get())),
                    unix_seconds(X509_get0_notAfter(parsed.get()))};
  return facts;
}

Result<bool> belongs_together(std::string_view certificate, const base::Secret& key) {
  WRENN_TRY_ASSIGN(const openssl::Certificate parsed, parse_certificate(certificate));
  WRENN_TRY_ASSIGN(const openssl::Key own, parse_key(key));
  const bool same = X509_check_private_key(parsed.get(), own.get()) == 1;
  ERR_clear_error();
  return same;
}

Result<std::string> sign_message(std::string_view message, const base::Secret& key) {
  WRENN_TRY_ASSIGN(const openssl::Key own, parse_key(key));
  const openssl::DigestContext context(EVP_MD_CTX_new());
  const auto* bytes = reinterpret_cast<const unsigned char*>(message.data());
  std::size_t size = 0;
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, own.get()) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, bytes, message.size()) != 1) {
    return openssl::fail(Code::kInternal, "cannot sign");
  }
  std::string signature(size, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     bytes, message.size()) != 1) {
    return openssl::fail(Code::kInternal, "cannot sign");
  }
  signature.resize(size);
  return signature;
}

Result<void> check_signature(std::string_view message, std::string_view signature,
                             std::string_view certificate) {
  WRENN_TRY_ASSIGN(const openssl::Certificate parsed, parse_certificate(certificate));
  const openssl::DigestContext context(EVP_MD_CTX_new());
  const bool is_good =
      context != nullptr &&
      EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr,
                           X509_get0_pubkey(parsed.get())) == 1 &&
      EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                       signature.size(), reinterpret_cast<const unsigned char*>(message.data()),
                       message.size()) == 1;
  ERR_clear_error();
  if (!is_good) {
    return base::fail(Code::kUnauthenticated, "the signature is not that of the certificate's key");
  }
  return {};
}

}  // namespace wrenn::net
