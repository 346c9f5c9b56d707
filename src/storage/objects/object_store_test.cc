// Both kinds of store, the service one against a small server that checks every signature.
#include "storage/objects/object_store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cstdlib>

#include <gtest/gtest.h>

#include "base/crypto.h"
#include "base/strings.h"
#include "base/test_server.h"
#include "storage/objects/s3_store.h"

namespace wrenn::storage {
namespace {

using base::Code;
using base::concat;

class Server : public base::TestServer {
 public:
  explicit Server(const base::Path& root) : TestServer({WRENN_S3_SERVER, root.native()}) {}
  std::string endpoint() const { return concat("http://127.0.0.1:", port()); }
  void fail(const char* how) const {
    const std::string command = concat("curl -sf -X POST '", endpoint(), "/-/fail?", how, "'");
    EXPECT_EQ(std::system(command.c_str()), 0);
  }
};

class ObjectStoreTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(base::make_dirs(dir_->path() / "bucket"));
    config_.endpoint =
        GetParam() ? concat("file://", (dir_->path() / "bucket").native()) : server_.endpoint();
    config_.bucket = "bucket";
    config_.access_key_id = "test-key";
    config_.secret_access_key = base::Secret("test-secret");
    config_.prefix = "some/prefix/";
    auto store = open_object_store(config_);
    ASSERT_TRUE(store) << store.error().to_string();
    store_ = *std::move(store);
  }
  base::Result<void> put(const std::string& key, const std::string& text) {
    const auto file = base::open_file(dir_->path(), O_RDWR | O_TMPFILE, 0600);
    EXPECT_TRUE(file && base::write_all(file->get(), text + "not sent"));
    return store_->put(key, file->get(), text.size());
  }
  base::Result<std::string> get(const std::string& key, std::uint64_t max = 1 << 20) {
    const base::Path path = dir_->path() / "fetched";
    std::filesystem::remove(path);
    const auto file = base::open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600);
    WRENN_TRY(store_->get(key, file->get(), max));
    return base::read_file(path);
  }

  base::Result<base::TempDir> dir_ = base::TempDir::create("/var/tmp");
  Server server_{dir_->path()};
  ObjectStoreConfig config_;
  std::unique_ptr<ObjectStore> store_;
};

TEST_P(ObjectStoreTest, WhatIsPutIsThere) {
  EXPECT_FALSE(store_->exists("a/1").value());
  EXPECT_EQ(get("a/1").error().code, Code::kNotFound);
  ASSERT_TRUE(put("a/1", "one"));
  ASSERT_TRUE(put("a/2", ""));
  ASSERT_TRUE(put("a/1", "another one"));
  EXPECT_TRUE(store_->exists("a/1").value());
  EXPECT_EQ(get("a/1").value(), "another one");
  EXPECT_EQ(get("a/2").value(), "");
  EXPECT_EQ(get("a/1", 5).error().code, Code::kDataLoss);
  const std::string much(3'000'000, 'x');
  ASSERT_TRUE(put("a/much", much));
  EXPECT_EQ(get("a/much", 1 << 22).value(), much);
  EXPECT_TRUE(std::filesystem::exists(dir_->path() / "bucket/some/prefix/a/1"));
  ASSERT_TRUE(store_->remove("a/1"));
  ASSERT_TRUE(store_->remove("a/1"));
  EXPECT_FALSE(store_->exists("a/1").value());
}

TEST_P(ObjectStoreTest, AllThatBeginSoAreListed) {
  EXPECT_TRUE(store_->list("").value().empty());
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(put(concat("list/", i), "x"));
  ASSERT_TRUE(put("other/1", "x"));
  const auto listed = store_->list("list/");
  ASSERT_TRUE(listed) << listed.error().to_string();
  ASSERT_EQ(listed->size(), 8u);
  EXPECT_EQ(listed->front(), "list/0");
  EXPECT_EQ(listed->back(), "list/7");
  EXPECT_EQ(store_->list("").value().size(), 9u);
}

INSTANTIATE_TEST_SUITE_P(Stores, ObjectStoreTest, testing::Bool(),
                         [](const auto& store) { return store.param ? "Directory" : "Service"; });

class S3StoreTest : public ObjectStoreTest {};
INSTANTIATE_TEST_SUITE_P(Service, S3StoreTest, testing::Values(false));

TEST_P(S3StoreTest, AServerThatStumblesIsAskedAgain) {
  for (const char* how : {"every=2", "every=2&cut=1"}) {
    server_.fail(how);
    ASSERT_TRUE(put("a", std::string(500'000, 'a')));
    ASSERT_TRUE(put("b", "bb"));
    EXPECT_EQ(get("a").value(), std::string(500'000, 'a'));
    EXPECT_EQ(store_->list("").value().size(), 2u);
  }
  server_.fail("every=1&status=500");
  const auto refused = put("a", "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnavailable) << refused.error().to_string();
}

TEST_P(S3StoreTest, AWrongSecretIsSaid) {
  config_.secret_access_key = base::Secret("wrong");
  store_ = std::make_unique<S3Store>(config_);
  const auto refused = put("a", "x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kPermissionDenied);
  EXPECT_NE(refused.error().message.find("SignatureDoesNotMatch"), std::string::npos);
  EXPECT_EQ(refused.error().to_string().find("wrong"), std::string::npos);
}

TEST(DirectoryStore, AnotherFileSystemWillDo) {
  const auto disk = base::TempDir::create("/var/tmp");
  const auto memory = base::TempDir::create("/dev/shm");
  ASSERT_TRUE(disk && memory);
  const auto store =
      open_object_store({.endpoint = base::concat("file://", disk->path().native())});
  ASSERT_TRUE(store);
  const std::string content = base::random_bytes(3 << 20);
  ASSERT_TRUE(base::write_file_atomic(memory->path() / "file", content));
  const auto from = base::open_file(memory->path() / "file", O_RDONLY);
  ASSERT_TRUE(from);
  const auto put = (*store)->put("a", from->get(), content.size());
  ASSERT_TRUE(put) << put.error().to_string();
  const auto to = base::open_file(memory->path() / "back", O_RDWR | O_CREAT, 0600);
  ASSERT_TRUE(to);
  ASSERT_TRUE((*store)->get("a", to->get(), content.size()));
  EXPECT_TRUE(base::read_file(memory->path() / "back", 4 << 20).value() == content);
}

TEST_P(S3StoreTest, ABucketOrServerThatIsNotThere) {
  config_.bucket = "none";
  store_ = std::make_unique<S3Store>(config_);
  EXPECT_EQ(put("a", "x").error().code, Code::kNotFound);
  config_.endpoint = "http://127.0.0.1:1";
  store_ = std::make_unique<S3Store>(config_);
  EXPECT_EQ(put("a", "x").error().code, Code::kUnavailable);
}

TEST(ObjectStoreConfig, FromAFile) {
  const auto config = parse_object_store_config(
      R"({"endpoint":"https://s3.example.com/","bucket":"b","access_key_id":"i","secret_access_key":"s",
          "prefix":"wrenn/","encryption_key":"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"})");
  ASSERT_TRUE(config) << config.error().to_string();
  EXPECT_EQ(config->endpoint, "https://s3.example.com");
  EXPECT_EQ(config->region, "us-east-1");
  EXPECT_EQ(config->encryption_key.reveal().size(), 32u);
  for (const char* text :
       {"", "[]", "{}", R"({"endpoint":"ftp://x"})", R"({"endpoint":"https://x"})",
        R"({"endpoint":"https://x","bucket":"b"})", R"({"endpoint":"file://relative"})",
        R"({"endpoint":"file:///x","prefix":"/absolute/"})",
        R"({"endpoint":"file:///x","prefix":"a"})",
        R"({"endpoint":"file:///x","encryption_key":"00"})", R"({"endpoint":1})",
        R"({"endpoint":"file:///x","encryption-key":""})"}) {
    EXPECT_FALSE(parse_object_store_config(text)) << text;
  }
}

TEST(ObjectStoreConfig, ItsSecretsAreNobodyElses) {
  const auto dir = base::TempDir::create();
  const base::Path path = dir->path() / kObjectStorageFile;
  ASSERT_TRUE(base::write_file_atomic(path, R"({"endpoint":"file:///x"})", 0644));
  EXPECT_EQ(read_object_store_config(path).error().code, Code::kPermissionDenied);
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_TRUE(read_object_store_config(path));
  EXPECT_EQ(read_object_store_config(dir->path() / "none").error().code, Code::kNotFound);
}

TEST(S3Listing, IsTakenApart) {
  const auto listed = parse_listing(
      "<ListBucketResult><Contents><Key>a</Key></Contents><Contents><Key>b/c</Key></Contents>"
      "<NextContinuationToken>t</NextContinuationToken></ListBucketResult>");
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->keys, (std::vector<std::string>{"a", "b/c"}));
  EXPECT_EQ(listed->next_token, "t");
  EXPECT_TRUE(parse_listing("<ListBucketResult/>").value().keys.empty());
  EXPECT_FALSE(parse_listing("<html>"));
  EXPECT_TRUE(parse_listing("<ListBucketResult><Key>").has_value());
}

}  // namespace
}  // namespace wrenn::storage
