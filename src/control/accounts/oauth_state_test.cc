#include "control/accounts/oauth_state.h"

#include <gtest/gtest.h>

#include "base/strings.h"

namespace wrenn::control {
namespace {

using base::Secret;

const Secret kKey(std::string(64, 'k'));
constexpr std::int64_t kNow = 1'000'000;

OAuthState state() {
  return {.provider = "github",
          .intent = OAuthIntent::kLink,
          .invitation = "abc",
          .user_id = "usr-1",
          .session_id = "ses-1",
          .expires_at = kNow + 1,
          .nonce = "123"};
}

TEST(OAuthStateTest, ComesBackAsItWas) {
  const auto opened = open_state(seal(state(), kKey), kKey, kNow);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->provider, "github");
  EXPECT_EQ(opened->intent, OAuthIntent::kLink);
  EXPECT_EQ(opened->invitation, "abc");
  EXPECT_EQ(opened->user_id, "usr-1");
  EXPECT_EQ(opened->session_id, "ses-1");
  EXPECT_EQ(opened->nonce, "123");
}

TEST(OAuthStateTest, NoByteOfItCanBeAnother) {
  const std::string sealed = seal(state(), kKey);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string other = sealed;
    other[i] = other[i] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(open_state(other, kKey, kNow)) << other;
  }
  EXPECT_FALSE(open_state("", kKey, kNow));
  EXPECT_FALSE(open_state("...", kKey, kNow));
  EXPECT_FALSE(open_state(sealed, Secret(std::string(64, 'l')), kNow));
}

TEST(OAuthStateTest, Expires) {
  EXPECT_FALSE(open_state(seal(state(), kKey), kKey, kNow + 1));
}

TEST(OAuthStateTest, TheChallengeIsThatOfRfc7636) {
  EXPECT_EQ(pkce_challenge(Secret("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
  EXPECT_EQ(pkce_verifier("1", kKey).reveal().size(), 43u);
  EXPECT_FALSE(pkce_verifier("1", kKey).equals(pkce_verifier("2", kKey).reveal()));
}

}  // namespace
}  // namespace wrenn::control
