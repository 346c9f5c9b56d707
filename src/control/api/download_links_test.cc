#include "control/api/download_links.h"

#include <gtest/gtest.h>

namespace wrenn::control {
namespace {

constexpr std::int64_t kExpires = 1'800'000'000;

class DownloadLinksTest : public testing::Test {
 protected:
  // kForbidden for all that is refused.
  bool is_refused(std::string_view token, std::int64_t now = 0) const {
    const auto checked = check_download(key_, token, now);
    if (!checked) EXPECT_EQ(checked.error().code, ApiCode::kForbidden);
    return !checked;
  }
  proxy::AccessKey key_{base::Secret(std::string(64, 'a'))};
  proxy::AccessKey other_key_{base::Secret(std::string(64, 'b'))};
  DownloadTarget target_{.team_id = "team-a", .sandbox_id = "cl-a", .user = "", .path = "/ä b.c"};
};

TEST_F(DownloadLinksTest, SayWhatTheyWereMadeForUntilTheyExpire) {
  const std::string token = download_token(key_, target_, kExpires);
  EXPECT_EQ(
      token.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_."),
      std::string::npos);
  const auto checked = check_download(key_, token, kExpires - 1);
  ASSERT_TRUE(checked);
  EXPECT_EQ(*checked, target_);
  EXPECT_TRUE(is_refused(token, kExpires));
}

TEST_F(DownloadLinksTest, AreRefusedWhenAnythingIsAltered) {
  const std::string token = download_token(key_, target_, kExpires);
  const std::string signature = token.substr(token.find('.'));
  EXPECT_TRUE(is_refused(download_token(other_key_, target_, kExpires)));
  DownloadTarget other = target_;
  other.path = "/etc/shadow";
  const std::string others = download_token(other_key_, other, kExpires);
  EXPECT_TRUE(is_refused(others.substr(0, others.find('.')) + signature));
  for (const std::string& text :
       {std::string(), std::string("."), signature, token.substr(1), token + "0", "A" + token,
        token.substr(0, token.size() - 1), token.substr(0, token.find('.'))}) {
    EXPECT_TRUE(is_refused(text)) << text;
  }
}

TEST_F(DownloadLinksTest, NamesAreThoseOfThePath) {
  for (const auto& [path, name] : {std::pair("/a/b c.txt", "b c.txt"),
                                   {"/a/dir//", "dir"},
                                   {"x", "x"},
                                   {"/", "files"},
                                   {"~", "files"},
                                   {"..", "files"},
                                   {"/a/.", "files"},
                                   {"~/.bashrc", ".bashrc"}}) {
    EXPECT_EQ(download_name(path), name) << path;
  }
}

TEST_F(DownloadLinksTest, AnAttachmentMayHaveAnyName) {
  EXPECT_EQ(attachment("a-1.txt"), "attachment; filename=\"a-1.txt\"; filename*=UTF-8''a-1.txt");
  EXPECT_EQ(attachment("ä \"\\%\r\n'.x"),
            "attachment; filename=\"__ _____'.x\"; "
            "filename*=UTF-8''%C3%A4%20%22%5C%25%0D%0A%27.x");
}

}  // namespace
}  // namespace wrenn::control
