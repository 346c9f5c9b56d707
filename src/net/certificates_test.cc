#include "net/certificates.h"

#include <gtest/gtest.h>

#include "net/test_certificates.h"

namespace wrenn::net {
namespace {

using base::Code;

constexpr Validity kValidity{1'700'000'000, 1'800'000'000};
constexpr std::string_view kRsaRequest = R"(-----BEGIN CERTIFICATE REQUEST-----
MIIBSzCBtQIBADAMMQowCAYDVQQDDAF4MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCB
iQKBgQCeIKvduuT7es+gHUeXqsq+xqw75NQ3wheBixd7KskiK8JlwMh67WUs1OtA
CtlaTp8TCaec5Hs3dD+1VpriGN1ehuNDfK1WEK/v7k/xXmszLCgpzOhYFgFgQd6e
tzzc5SEz/RtlZvzAVGreY94+QpwdyOZwjUPBRqU1f9oGxUYQnQIDAQABoAAwDQYJ
KoZIhvcNAQELBQADgYEAct4JeCtciloYY59cuJlrPVb8ZJYmf65CIHnWU49YpNqg
ugLAANsfpQ9biPvZG3ynQMNDhB4mSX2pGkBtf1bA3cjlfJXUMNvnNyfo5EinH0hS
v1o7z+rfRx/bVAKDxxf82KIsjo3fUHt7CCJQ5KBcVQJsQzAY0JP49vlobiTRpaI=
-----END CERTIFICATE REQUEST-----
)";

TEST(Certificates, ASignedRequestSaysWhatTheAuthorityWants) {
  const Authority authority = *make_authority("authority", kValidity);
  const base::Secret key = *make_private_key();
  const auto request = make_certificate_request(key);
  ASSERT_TRUE(request);
  const auto certificate = sign_certificate_request(
      *request, authority, {.common_name = "host-1", .uri = "wrenn:host:1"}, kValidity);
  ASSERT_TRUE(certificate);
  const auto facts = read_certificate(*certificate);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->uri, "wrenn:host:1");
  EXPECT_EQ(facts->validity.begins, kValidity.begins);
  EXPECT_EQ(facts->validity.ends, kValidity.ends);
  EXPECT_EQ(facts->serial.size(), 32u);
  EXPECT_EQ(facts->fingerprint.size(), 64u);
  EXPECT_TRUE(belongs_together(*certificate, key).value_or(false));
  EXPECT_FALSE(belongs_together(*certificate, *make_private_key()).value_or(true));
}

TEST(Certificates, EachHasANumberOfItsOwn) {
  const TestAuthority authority;
  const auto one = read_certificate(authority.server().certificate);
  const auto other = read_certificate(authority.server().certificate);
  ASSERT_TRUE(one && other);
  EXPECT_NE(one->serial, other->serial);
  EXPECT_NE(one->fingerprint, other->fingerprint);
}

TEST(Certificates, WhatIsNoRequestIsRefused) {
  const Authority authority = *make_authority("authority", kValidity);
  const std::string good = *make_certificate_request(*make_private_key());
  std::string changed = good;
  changed[changed.size() / 2] = changed[changed.size() / 2] == 'A' ? 'B' : 'A';
  for (const std::string& text : {std::string(), std::string("hello"), authority.certificate,
                                  changed, good.substr(0, good.size() / 2),
                                  std::string(kRsaRequest), std::string(kMaxPemBytes + 1, 'x')}) {
    const auto made = sign_certificate_request(text, authority, {"x", "wrenn:x"}, kValidity);
    ASSERT_FALSE(made) << text;
    EXPECT_EQ(made.error().code, Code::kInvalidArgument) << text;
  }
}

TEST(Certificates, ANameCannotBringAnotherOne) {
  const Authority authority = *make_authority("authority", kValidity);
  const std::string request = *make_certificate_request(*make_private_key());
  const std::string uri = "wrenn:host:1,URI:wrenn:control-plane";
  const auto made = sign_certificate_request(request, authority, {"a,b=c", uri}, kValidity);
  ASSERT_TRUE(made);
  EXPECT_EQ(read_certificate(*made)->uri, uri);
}

TEST(Certificates, ASignatureIsOfOneMessageAndOneKey) {
  const TestAuthority authority;
  const TlsIdentity identity = authority.server();
  const auto signature = sign_message("a message", identity.key);
  ASSERT_TRUE(signature);
  EXPECT_TRUE(check_signature("a message", *signature, identity.certificate));
  const auto of_another = check_signature("a message", *signature, authority.server().certificate);
  ASSERT_FALSE(of_another);
  EXPECT_EQ(of_another.error().code, Code::kUnauthenticated);
  EXPECT_FALSE(check_signature("another message", *signature, identity.certificate));
  EXPECT_FALSE(check_signature("a message", "", identity.certificate));
  EXPECT_FALSE(check_signature("a message", "no signature", identity.certificate));
}

TEST(Certificates, WhatIsNoKeyIsAnError) {
  EXPECT_FALSE(make_certificate_request(base::Secret("no key")));
  EXPECT_FALSE(sign_message("message", base::Secret()));
  EXPECT_FALSE(read_certificate("no certificate"));
}

}  // namespace
}  // namespace wrenn::net
