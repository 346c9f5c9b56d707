// Owners of OpenSSL's objects, and its errors as ours. For certificates.cc and tls.cc alone.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/result.h"
#include "base/strings.h"

namespace wrenn::net::openssl {

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

using Bio = std::unique_ptr<BIO, Deleter<BIO_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<X509_free>>;
using Request = std::unique_ptr<X509_REQ, Deleter<X509_REQ_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using Number = std::unique_ptr<BIGNUM, Deleter<BN_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Deleter<EVP_MD_CTX_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;
using Context = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using Connection = std::unique_ptr<SSL, Deleter<SSL_free>>;

// What OpenSSL says went wrong last on this thread, which is then forgotten.
inline std::string last_reason() {
  const unsigned long error = ERR_peek_last_error();
  const char* text = error == 0 ? nullptr : ERR_reason_error_string(error);
  std::string reason = text == nullptr ? "no reason is given" : text;
  ERR_clear_error();
  return reason;
}

inline std::unexpected<base::Error> fail(base::Code code, std::string_view what) {
  return base::fail(code, base::concat(what, ": ", last_reason()));
}

// A protected file is an error here: nobody is asked for a password.
inline int no_password(char*, int, int, void*) {
  return -1;
}

inline Bio reader(std::string_view text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

inline Certificate read_certificate(BIO* from) {
  return Certificate(PEM_read_bio_X509(from, nullptr, no_password, nullptr));
}
inline Key read_private_key(std::string_view pem) {
  const Bio from = reader(pem);
  return Key(PEM_read_bio_PrivateKey(from.get(), nullptr, no_password, nullptr));
}

// The first URI among the names of a certificate; empty when it has none.
inline std::string uri_of(X509* certificate) {
  const Names names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
            static_cast<std::size_t>(ASN1_STRING_length(uri))};
  }
  return {};
}

}  // namespace wrenn::net::openssl
