// S3Store: objects in a bucket of an S3-compatible service, by libcurl. Requests are signed with
// Signature Version 4:
// https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html
#pragma once

#include "storage/objects/object_store.h"

namespace wrenn::storage {

class S3Store final : public ObjectStore {
 public:
  // Transfers end soon after a stop is asked for.
  explicit S3Store(ObjectStoreConfig config, std::stop_token stop = {});
  ~S3Store() override;

  base::Result<void> put(const std::string& key, int fd, std::uint64_t size) override;
  base::Result<void> get(const std::string& key, int fd, std::uint64_t max) override;
  base::Result<bool> exists(const std::string& key) override;
  base::Result<void> remove(const std::string& key) override;
  base::Result<std::vector<std::string>> list(const std::string& prefix) override;

 private:
  struct Request;
  struct Answer;
  class Connection;

  std::string url(const std::string& key) const;
  base::Result<Answer> send(const Request& request);

  const ObjectStoreConfig config_;
  const std::stop_token stop_;
  const std::unique_ptr<Connection> connection_;
};

// What an answer to ListObjectsV2 says. Pure; not trusted.
struct ListedObjects {
  std::vector<std::string> keys;
  std::string next_token;  // Empty: that was all.
};
base::Result<ListedObjects> parse_listing(std::string_view xml);

}  // namespace wrenn::storage
