#include "net/signed_request.h"

#include <gtest/gtest.h>

#include "net/test_certificates.h"

namespace wrenn::net {
namespace {

using base::Code;

constexpr std::int64_t kNow = 1'700'000'000'000;
constexpr SignedParts kRequest{"POST", "/v1/hosts/host-1/heartbeat", R"({"a":1})"};

class SignedRequestTest : public testing::Test {
 protected:
  base::Result<std::int64_t> check(const SignedParts& request, std::string_view shown,
                                   std::int64_t now = kNow) {
    return check_signed_request(request, shown, identity.certificate, now);
  }
  TestAuthority authority;
  TlsIdentity identity = authority.server();
  std::string field = sign_request(kRequest, identity.key, kNow).value();
};

TEST_F(SignedRequestTest, IsGoodForItsRequestAlone) {
  EXPECT_EQ(check(kRequest, field).value(), kNow);
  for (const SignedParts& other :
       {SignedParts{"PUT", kRequest.path, kRequest.body},
        SignedParts{"POST", "/v1/hosts/host-2/heartbeat", kRequest.body},
        SignedParts{"POST", kRequest.path, R"({"a":2})"}, SignedParts{"POST", kRequest.path, ""}}) {
    const auto refused = check(other, field);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kUnauthenticated);
  }
  const auto stranger = check_signed_request(kRequest, field, authority.server().certificate, kNow);
  EXPECT_EQ(stranger.error().code, Code::kUnauthenticated);
}

TEST_F(SignedRequestTest, IsGoodForSomeMinutes) {
  EXPECT_TRUE(check(kRequest, field, kNow + kMaxSignatureAgeMs - 1));
  EXPECT_TRUE(check(kRequest, field, kNow - kMaxSignatureAgeMs + 1));
  EXPECT_FALSE(check(kRequest, field, kNow + kMaxSignatureAgeMs));
  EXPECT_FALSE(check(kRequest, field, kNow - kMaxSignatureAgeMs));
  // Nobody can make it younger.
  std::string younger = field;
  younger.replace(younger.find("1700"), 4, "1701");
  EXPECT_FALSE(check(kRequest, younger, 1'701'000'000'000));
}

TEST_F(SignedRequestTest, AnythingElseIsRefused) {
  for (const std::string& text :
       {std::string(), std::string("v1"), std::string("v1 1700000000000 "),
        std::string("v1 1700000000000 !!!"), "v2" + field.substr(2), field + " x",
        std::string(2000, 'v'), std::string("v1 -5 AAAA"),
        std::string("v1 99999999999999999999 AA")}) {
    const auto refused = check(kRequest, text);
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, Code::kUnauthenticated);
  }
  EXPECT_FALSE(check_signed_request(kRequest, field, "", kNow));
}

}  // namespace
}  // namespace wrenn::net
