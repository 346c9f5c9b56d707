#include "envd/files/file_signature.h"

#include <gtest/gtest.h>

namespace wrenn::envd {
namespace {

using base::Code;

const base::Secret& token() {
  static const base::Secret secret("token");
  return secret;
}

// Made apart, with: printf '%s' TEXT | openssl dgst -sha256 -binary | base64 | tr -d =
TEST(FileSignature, KnownOnes) {
  const SignedFile read{.path = "/a/b.txt", .operation = FileOperation::kRead, .user = "user"};
  EXPECT_EQ(sign_file(read, token()), "v1_AdEl+si0T9hmLqRh49BQqCs6ynre/FMVI9i/WuZIDuU");
  const SignedFile write{.path = "x", .operation = FileOperation::kWrite, .expiration = 1700000000};
  EXPECT_EQ(sign_file(write, token()), "v1_Ty35VFshHPymCMkSmC8+ZXRExbDuwKr1lQKZG/VOSR8");
}

TEST(FileSignature, CoversEverything) {
  const SignedFile file{.path = "/a", .user = "u", .expiration = 100};
  const std::string signature = sign_file(file, token());
  EXPECT_TRUE(check_signature(signature, file, token(), 100));
  const auto is_invalid = [&](const SignedFile& other, std::string_view text) {
    const auto checked = check_signature(text, other, token(), 100);
    return !checked && checked.error().code == Code::kUnauthenticated &&
           checked.error().message == "invalid signature";
  };
  EXPECT_TRUE(is_invalid({.path = "/b", .user = "u", .expiration = 100}, signature));
  EXPECT_TRUE(is_invalid({.path = "/a", .user = "v", .expiration = 100}, signature));
  EXPECT_TRUE(is_invalid({.path = "/a", .user = "u", .expiration = 101}, signature));
  EXPECT_TRUE(is_invalid({.path = "/a", .user = "u"}, signature));
  EXPECT_TRUE(
      is_invalid({.path = "/a", .operation = FileOperation::kWrite, .user = "u", .expiration = 100},
                 signature));
  EXPECT_TRUE(is_invalid(file, signature + "="));
  EXPECT_TRUE(is_invalid(file, ""));
  EXPECT_FALSE(check_signature(signature, file, base::Secret("other"), 100));
}

TEST(FileSignature, Expires) {
  const SignedFile file{.path = "/a", .expiration = 100};
  const auto checked = check_signature(sign_file(file, token()), file, token(), 101);
  EXPECT_EQ(checked.error().message, "signature is already expired");
  EXPECT_EQ(checked.error().code, Code::kUnauthenticated);
}

TEST(FileSignature, ExpirationIsANumber) {
  EXPECT_EQ(parse_expiration("1700000000").value_or(0), 1700000000);
  for (const char* text : {"", "soon", "1.5", "99999999999999999999", "+1", " 1"}) {
    EXPECT_FALSE(parse_expiration(text)) << text;
  }
}

}  // namespace
}  // namespace wrenn::envd
