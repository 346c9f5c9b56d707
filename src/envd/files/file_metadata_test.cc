#include "envd/files/file_metadata.h"

#include <fcntl.h>
#include <sys/xattr.h>

#include <gtest/gtest.h>

namespace wrenn::envd {
namespace {

using base::Code;

TEST(FileMetadata, FromHeaders) {
  net::Headers headers;
  headers.add("X-Metadata-Author", "me & you");
  headers.add("x-metadata-author", "second");
  headers.add("X-METADATA-empty", "");
  headers.add("X-Meta", "other");
  const auto metadata = metadata_from_headers(headers);
  ASSERT_TRUE(metadata);
  EXPECT_EQ(*metadata, (Metadata{{"author", "me & you"}, {"empty", ""}}));
}

TEST(FileMetadata, Limits) {
  const auto code = [](const std::string& key, const std::string& value) {
    const auto metadata = metadata_from_headers(net::Headers().with("X-Metadata-" + key, value));
    return metadata ? Code::kUnknown : metadata.error().code;
  };
  EXPECT_EQ(code(std::string(246, 'k'), "v"), Code::kUnknown);
  EXPECT_EQ(code(std::string(247, 'k'), "v"), Code::kInvalidArgument);
  EXPECT_EQ(code("", "v"), Code::kInvalidArgument);
  EXPECT_EQ(code("k", "\xc3\xa9"), Code::kInvalidArgument);
  EXPECT_EQ(code("k", "a\tb"), Code::kInvalidArgument);
  // 4096 bytes with "user.e2b." and the key.
  EXPECT_EQ(code("k", std::string(4086, 'v')), Code::kUnknown);
  EXPECT_EQ(code("k", std::string(4087, 'v')), Code::kInvalidArgument);
}

TEST(FileMetadata, OnAFile) {
  const auto dir = base::TempDir::create("/var/tmp", "envd-test-");
  ASSERT_TRUE(dir);
  const base::Path path = dir->path() / "file";
  const auto file = base::open_file(path, O_CREAT | O_RDWR);
  ASSERT_TRUE(file);
  EXPECT_EQ(read_metadata(path), Metadata());
  const auto written = write_metadata(file->get(), {{"a", "1"}, {"b", ""}});
  if (!written && written.error().code == Code::kFailedPrecondition) {
    GTEST_SKIP() << "/var/tmp keeps no attributes";
  }
  ASSERT_TRUE(written) << written.error().to_string();
  // What a program inside sets shows too, made readable; attributes of others do not.
  ASSERT_EQ(::setxattr(path.c_str(), "user.e2b.raw", "\xff", 1, 0), 0);
  ASSERT_EQ(::setxattr(path.c_str(), "user.other", "x", 1, 0), 0);
  EXPECT_EQ(read_metadata(path), (Metadata{{"a", "1"}, {"b", ""}, {"raw", "\xef\xbf\xbd"}}));
  EXPECT_EQ(read_metadata(dir->path() / "missing"), Metadata());
}

}  // namespace
}  // namespace wrenn::envd
