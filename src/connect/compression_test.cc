#include "connect/compression.h"

#include <gtest/gtest.h>

namespace wrenn::connect {
namespace {

using base::Code;

TEST(Compression, IsChosenFromTheList) {
  EXPECT_EQ(choose_compression("gzip"), Compression::kGzip);
  EXPECT_EQ(choose_compression("br, GZIP;q=0.5 ,zstd"), Compression::kGzip);
  EXPECT_EQ(choose_compression("gzip;q=0, br"), Compression::kIdentity);
  EXPECT_EQ(choose_compression("gzip; q=0.000"), Compression::kIdentity);
  EXPECT_EQ(choose_compression("br,zstd"), Compression::kIdentity);
  EXPECT_EQ(choose_compression(",,;"), Compression::kIdentity);
  EXPECT_EQ(choose_compression(""), Compression::kIdentity);
}

TEST(Compression, Names) {
  EXPECT_EQ(parse_compression(""), Compression::kIdentity);
  EXPECT_EQ(parse_compression("identity"), Compression::kIdentity);
  EXPECT_EQ(parse_compression(" Gzip"), Compression::kGzip);
  EXPECT_FALSE(parse_compression("br"));
}

TEST(Compression, OnlyWhereItPays) {
  const std::string text(5000, 'a');
  EXPECT_FALSE(compress(text, Compression::kIdentity, 1));
  EXPECT_FALSE(compress(text, Compression::kGzip, 5001));
  EXPECT_FALSE(compress("abc", Compression::kGzip, 0));
  const auto packed = compress(text, Compression::kGzip, 5000);
  ASSERT_TRUE(packed);
  EXPECT_EQ(decompress(*packed, Compression::kGzip, 5000), text);
  EXPECT_EQ(decompress(*packed, Compression::kGzip, 4999).error().code, Code::kResourceExhausted);
  EXPECT_EQ(decompress("nonsense", Compression::kGzip, 10).error().code, Code::kInvalidArgument);
  EXPECT_EQ(decompress("", Compression::kGzip, 10), "");
}

}  // namespace
}  // namespace wrenn::connect
