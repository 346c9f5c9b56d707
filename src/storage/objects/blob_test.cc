#include "storage/objects/blob.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include <gtest/gtest.h>

#include "base/crypto.h"
#include "base/files.h"

namespace wrenn::storage {
namespace {

using base::Code;

class BlobTest : public testing::Test {
 protected:
  base::Fd open(const char* name) {
    auto file = base::open_file(dir_->path() / name, O_RDWR | O_CREAT, 0600);
    EXPECT_TRUE(file);
    return std::move(*file);
  }
  // 3 MiB: text, a hole, randomness at its end.
  base::Fd make_file(const char* name) {
    base::Fd file = open(name);
    EXPECT_TRUE(base::write_all(file.get(), text_));
    EXPECT_EQ(::pwrite(file.get(), random_.data(), random_.size(), 2'900'123),
              static_cast<ssize_t>(random_.size()));
    EXPECT_EQ(::ftruncate(file.get(), kBytes), 0);
    return file;
  }
  std::string content(const char* name) { return base::read_file(dir_->path() / name).value(); }
  base::Result<void> read(const base::Fd& blob, const base::Secret& key,
                          std::uint64_t size = kBytes) {
    ++reads_;
    restored_ = "restored-" + std::to_string(reads_);
    const base::Fd file = open(restored_.c_str());
    return read_blob(blob.get(), file.get(), key, name_, size);
  }
  void expect_loss(const std::string& bytes, const base::Secret& key) {
    const base::Fd blob = open("bad");
    ASSERT_EQ(::ftruncate(blob.get(), 0), 0);
    ASSERT_EQ(::pwrite(blob.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
    const auto done = read(blob, key);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, Code::kDataLoss) << done.error().to_string();
  }

  static constexpr std::uint64_t kBytes = 3 << 20;
  const std::string text_ = std::string(400'000, 'x') + "the end";
  const std::string random_ = base::random_bytes(100'000);
  const base::Secret key_{base::random_bytes(32)};
  base::Result<base::TempDir> dir_ = base::TempDir::create("/var/tmp");
  std::string name_;
  std::string restored_;
  int reads_ = 0;
};

TEST_F(BlobTest, AFileComesBackAsItWasWithItsHoles) {
  for (const base::Secret& key : {base::Secret(), base::Secret(std::string(key_.reveal()))}) {
    const base::Fd file = make_file("file");
    name_ = blob_name(file.get(), key).value();
    const base::Fd blob = open(key.empty() ? "blob" : "sealed");
    const auto written = write_blob(file.get(), blob.get(), key);
    ASSERT_TRUE(written);
    EXPECT_LT(*written, 150'000u) << "text is packed, and a hole is nothing";
    const auto done = read(blob, key);
    ASSERT_TRUE(done) << done.error().to_string();
    EXPECT_TRUE(content(restored_.c_str()) == content("file"));
    struct stat info{};
    ASSERT_EQ(::stat((dir_->path() / restored_).c_str(), &info), 0);
    EXPECT_LT(info.st_blocks * 512, 2 << 20);
  }
  EXPECT_EQ(content("sealed").find("the end"), std::string::npos);
}

TEST_F(BlobTest, TheNameIsThatOfTheContent) {
  const base::Fd file = make_file("file");
  const std::string name = blob_name(file.get(), {}).value();
  EXPECT_EQ(name.size(), 64u);
  const base::Fd filled = open("filled");
  EXPECT_TRUE(base::write_all(filled.get(), content("file")));
  EXPECT_EQ(blob_name(filled.get(), {}).value(), name) << "zeros and holes are the same";
  EXPECT_NE(blob_name(file.get(), key_).value(), name);
  EXPECT_EQ(::pwrite(filled.get(), "y", 1, 1'000'000), 1);
  EXPECT_NE(blob_name(filled.get(), {}).value(), name);
  EXPECT_EQ(::ftruncate(file.get(), kBytes + 1), 0);
  EXPECT_NE(blob_name(file.get(), {}).value(), name);
  EXPECT_FALSE(blob_name(file.get(), base::Secret("short")));
}

TEST_F(BlobTest, AnEmptyFile) {
  const base::Fd file = open("empty");
  const base::Fd blob = open("blob");
  ASSERT_TRUE(write_blob(file.get(), blob.get(), key_));
  name_ = blob_name(file.get(), key_).value();
  EXPECT_TRUE(read(blob, key_, 0));
}

TEST_F(BlobTest, WhatIsNotWholeIsNoticed) {
  for (const base::Secret& key : {base::Secret(), base::Secret(std::string(key_.reveal()))}) {
    const base::Fd file = make_file("file");
    name_ = blob_name(file.get(), key).value();
    const base::Fd blob = open(key.empty() ? "blob" : "sealed");
    ASSERT_TRUE(write_blob(file.get(), blob.get(), key));
    const std::string bytes = content(key.empty() ? "blob" : "sealed");
    for (const std::size_t length : {std::size_t{0}, std::size_t{10}, std::size_t{50},
                                     bytes.size() / 2, bytes.size() - 16, bytes.size() - 1}) {
      expect_loss(bytes.substr(0, length), key);
    }
    expect_loss(bytes + "x", key);
    for (std::size_t at = 0; at < bytes.size(); at += 1 + bytes.size() / 97) {
      if (at >= 16 && at < 24) continue;  // Whether it is sealed: told apart from damage.
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ 0x20);
      expect_loss(flipped, key);
    }
    name_.assign(64, '0');
    expect_loss(bytes, key);
  }
}

TEST_F(BlobTest, AnotherKeyReadsNothing) {
  const base::Fd file = make_file("file");
  const base::Fd blob = open("plain");
  const base::Fd sealed = open("sealed");
  ASSERT_TRUE(write_blob(file.get(), blob.get(), {}));
  ASSERT_TRUE(write_blob(file.get(), sealed.get(), key_));
  name_ = blob_name(file.get(), key_).value();
  EXPECT_EQ(read(sealed, {}).error().code, Code::kPermissionDenied);
  EXPECT_EQ(read(blob, key_).error().code, Code::kPermissionDenied);
  EXPECT_EQ(read(sealed, base::Secret(base::random_bytes(32))).error().code, Code::kDataLoss);
}

}  // namespace
}  // namespace wrenn::storage
