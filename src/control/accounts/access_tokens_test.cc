#include "control/accounts/access_tokens.h"

#include <map>

#include <gtest/gtest.h>

#include "base/crypto.h"
#include "base/strings.h"

namespace wrenn::control {
namespace {

class AccessTokensTest : public testing::Test {
 protected:
  base::Secret issue() {
    AccessClaims claims{.user_id = "usr-1", .session_id = "ses-1", .team_id = "team-1"};
    return tokens_.issue(claims).value();
  }
  bool is_good(std::string_view token) { return tokens_.verify(token).has_value(); }

  std::int64_t now_ = 1'795'000'000'000;  // 2026-11-18
  std::map<std::string, std::string, std::less<>> secrets_;
  AccessTokens tokens_{[this](std::string_view name) -> base::Result<base::Secret> {
                         const auto made = secrets_.try_emplace(
                             std::string(name), base::to_hex(base::random_bytes(32)));
                         return base::Secret(made.first->second);
                       },
                       [this] { return now_; }};
};

TEST_F(AccessTokensTest, SayWhoCalls) {
  const auto token = issue();
  const auto claims = tokens_.verify(token.reveal()).value();
  EXPECT_EQ(claims.user_id, "usr-1");
  EXPECT_EQ(claims.session_id, "ses-1");
  EXPECT_EQ(claims.team_id, "team-1");
  EXPECT_EQ(claims.expires_at, now_ + kAccessTokenMs);
  EXPECT_EQ(secrets_.size(), 1u);
  EXPECT_TRUE(secrets_.contains("access-token/2026-11"));
  now_ += kAccessTokenMs;
  EXPECT_FALSE(is_good(token.reveal()));
}

TEST_F(AccessTokensTest, KeysRotateWithTheMonth) {
  now_ = 1'796'083'199'000;  // A second before December.
  const auto token = issue();
  now_ += 2'000;
  EXPECT_TRUE(is_good(token.reveal())) << "of the last month";
  const auto next = issue();
  EXPECT_TRUE(is_good(next.reveal()));
  EXPECT_TRUE(secrets_.contains("access-token/2026-12"));
  now_ -= 40LL * 24 * 3600 * 1000;
  EXPECT_FALSE(is_good(next.reveal())) << "of a month to come";
  EXPECT_EQ(secrets_.size(), 2u) << "nobody makes keys by asking for them";
}

TEST_F(AccessTokensTest, NothingElseIsTaken) {
  const std::string token(issue().reveal());
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(is_good(changed)) << i;
  }
  for (const char* text : {"", ".", "..", "...", "a.b.c", "e30.e30.e30"}) {
    EXPECT_FALSE(is_good(text)) << text;
  }
  EXPECT_FALSE(is_good(token + "."));
  EXPECT_FALSE(is_good(token.substr(0, token.rfind('.') + 1)));
  EXPECT_FALSE(is_good(std::string(100'000, '.')));
}

// What others have fallen for: to believe the token about how it is to be checked.
TEST_F(AccessTokensTest, TheAlgorithmIsPinned) {
  const std::string token(issue().reveal());
  const auto payload = base::split(token, '.')[1];
  for (const char* header :
       {R"({"alg":"none","typ":"JWT","kid":"2026-11"})", R"({"alg":"HS512","kid":"2026-11"})",
        R"({"alg":"RS256","kid":"2026-11"})", R"({"kid":"2026-11"})",
        R"({"alg":"HS256","kid":"../secret"})", R"({"alg":"HS256"})", R"([])"}) {
    const std::string text = base::concat(base::to_base64(header), ".", payload);
    EXPECT_FALSE(is_good(text + ".")) << header;
    const std::string key = secrets_.begin()->second;
    EXPECT_FALSE(is_good(text + "." + base::to_base64(base::hmac_sha256(key, text)))) << header;
  }
}

}  // namespace
}  // namespace wrenn::control
