#include "proxy/access.h"

#include <string>

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::proxy {
namespace {

using Preview = AccessKey::Preview;

const std::string kId = "cl-0000000000000000000000001";
const std::string kOtherId = "cl-0000000000000000000000002";
const PortAddress kAddress{kId, 3000};
constexpr std::int64_t kExpires = 1'800'000'000;

class Access : public testing::Test {
 protected:
  AccessKey key_{base::Secret(std::string(64, 'a'))};
  AccessKey other_key_{base::Secret(std::string(64, 'b'))};
};

TEST_F(Access, ATrafficTokenBelongsToOneSandboxAndOneKey) {
  const std::string token = key_.traffic_token(kId);
  EXPECT_EQ(token.size(), 64u);
  EXPECT_EQ(token, key_.traffic_token(kId)) << "stable";
  EXPECT_TRUE(key_.is_traffic_token(kId, token));
  EXPECT_FALSE(key_.is_traffic_token(kOtherId, token));
  EXPECT_FALSE(other_key_.is_traffic_token(kId, token));
}

TEST_F(Access, NothingElseIsATrafficToken) {
  const std::string token = key_.traffic_token(kId);
  std::string changed = token;
  changed.back() = changed.back() == '0' ? '1' : '0';
  for (const std::string& text : {std::string(), changed, token + "0", token.substr(1), " " + token,
                                  std::string(64, '\0'), key_.preview_token(kAddress, kExpires)}) {
    EXPECT_FALSE(key_.is_traffic_token(kId, text)) << text;
  }
}

TEST_F(Access, ADownloadIsSignedForItsTextAlone) {
  const std::string signature = key_.download_signature(kId);
  EXPECT_EQ(signature.size(), 64u);
  EXPECT_TRUE(key_.is_download_signature(kId, signature));
  EXPECT_FALSE(key_.is_download_signature(kOtherId, signature));
  EXPECT_FALSE(other_key_.is_download_signature(kId, signature));
  EXPECT_FALSE(key_.is_download_signature(kId, key_.traffic_token(kId))) << "of another purpose";
  EXPECT_FALSE(AccessKey(base::Secret())
                   .is_download_signature(kId, AccessKey(base::Secret()).download_signature(kId)));
}

TEST_F(Access, APreviewTokenBelongsToOnePortUntilItExpires) {
  const std::string token = key_.preview_token(kAddress, kExpires);
  EXPECT_EQ(key_.check_preview(kAddress, token, kExpires - 1), Preview::kValid);
  EXPECT_EQ(key_.check_preview(kAddress, token, kExpires), Preview::kExpired);
  EXPECT_EQ(key_.check_preview({kId, 3001}, token, 0), Preview::kInvalid);
  EXPECT_EQ(key_.check_preview({kOtherId, 3000}, token, 0), Preview::kInvalid);
  EXPECT_EQ(other_key_.check_preview(kAddress, token, 0), Preview::kInvalid);
  EXPECT_EQ(other_key_.check_preview(kAddress, token, kExpires), Preview::kInvalid)
      << "who did not make it does not say that it expired";
}

TEST_F(Access, APreviewTokenCannotBeProlonged) {
  const std::string token = key_.preview_token(kAddress, kExpires);
  const std::string signature = token.substr(token.find('.'));
  for (const std::string& text : {
           "9" + token,
           "1900000000" + signature,
           "0" + token,
           "+" + token,
           " " + token,
           signature,
           token.substr(0, token.find('.')),
           token + "0",
           token + "." + signature,
           "99999999999999999999" + signature,
           std::string(),
           "." + key_.traffic_token(kId),
       }) {
    EXPECT_EQ(key_.check_preview(kAddress, text, 0), Preview::kInvalid) << text;
  }
}

TEST_F(Access, EveryChangedByteOfAPreviewTokenIsNoticed) {
  const std::string token = key_.preview_token(kAddress, kExpires);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_EQ(key_.check_preview(kAddress, changed, 0), Preview::kInvalid) << changed;
  }
}

TEST_F(Access, APreviewTokenNeedsNoEscape) {
  const std::string token = key_.preview_token(kAddress, kExpires);
  EXPECT_EQ(base::percent_encode(token), token);
}

TEST_F(Access, AnEmptyKeyOpensNothing) {
  const AccessKey none{base::Secret()};
  EXPECT_FALSE(none.is_traffic_token(kId, none.traffic_token(kId)));
  EXPECT_EQ(none.check_preview(kAddress, none.preview_token(kAddress, kExpires), 0),
            Preview::kInvalid);
}

struct Taken {
  const char* before;
  const char* after;
  std::optional<std::string> value;
};

TEST(TakeParameter, LeavesAllElseByteForByte) {
  for (const Taken& taken : {
           Taken{"/a?x=1&t=T&y=2", "/a?x=1&y=2", "T"},
           Taken{"/?t=T", "/", "T"},
           Taken{"/?t=T&y=2", "/?y=2", "T"},
           Taken{"/?y=2&t=T", "/?y=2", "T"},
           Taken{"/%2f//?a=%26t=&&t=a=b%20+&", "/%2f//?a=%26t=&&", "a=b%20+"},
           Taken{"/?t", "/", ""},
           Taken{"/?t=", "/", ""},
           Taken{"/?t=1&t=2", "/?t=2", "1"},
           Taken{"/?&t=1", "/?", "1"},
           Taken{"/?t=1&", "/?", "1"},
           Taken{"/?a?t=1", "/?a?t=1", std::nullopt},
           Taken{"/?tt=1&xt=2&T=3&=t", "/?tt=1&xt=2&T=3&=t", std::nullopt},
           Taken{"/t=1", "/t=1", std::nullopt},
           Taken{"/?", "/?", std::nullopt},
           Taken{"/?&&", "/?&&", std::nullopt},
           Taken{"", "", std::nullopt},
       }) {
    std::string target = taken.before;
    EXPECT_EQ(take_parameter(target, "t"), taken.value) << taken.before;
    EXPECT_EQ(target, taken.after) << taken.before;
  }
}

}  // namespace
}  // namespace wrenn::proxy
