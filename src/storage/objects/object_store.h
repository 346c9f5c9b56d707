// ObjectStore: where sandboxes go that leave their host: a bucket of an S3-compatible service, or a
// directory that several hosts share.
//
// Blocking; for pool threads. A store is for one thread at a time, and keeps its connection.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/result.h"
#include "base/secret.h"

namespace wrenn::storage {

struct ObjectStoreConfig {
  // "https://s3.example.com", or "file:///mnt/shared".
  std::string endpoint;
  std::string bucket;  // This and the next three: of a service alone.
  std::string region = "us-east-1";
  std::string access_key_id;
  base::Secret secret_access_key;
  std::string prefix;  // Before all keys; empty or ending in '/'.
  base::Path ca_file;  // Whom to trust beside the system's authorities; empty: nobody.
  // 32 bytes. What is stored is sealed with it, and nothing is read that is not.
  base::Secret encryption_key;
};

// $WRENN_DIR/object-storage.json.
inline constexpr const char* kObjectStorageFile = "object-storage.json";
// kInvalidArgument names the field that is wrong.
base::Result<ObjectStoreConfig> parse_object_store_config(std::string_view json);
// kNotFound when there is no such file; kPermissionDenied when others than its owner can read it.
base::Result<ObjectStoreConfig> read_object_store_config(const base::Path& path);

class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // Keys are of letters, digits and "-_./". Errors: kUnavailable when the store does not answer
  // (after some attempts), kCanceled after a stop, kPermissionDenied, kNotFound,
  // kResourceExhausted. The first `size` bytes of the file; there whole or not at all.
  virtual base::Result<void> put(const std::string& key, int fd, std::uint64_t size) = 0;
  // Into the file, which is empty. kDataLoss for one that is larger than `max`.
  virtual base::Result<void> get(const std::string& key, int fd, std::uint64_t max) = 0;
  virtual base::Result<bool> exists(const std::string& key) = 0;
  // One that is not there is fine.
  virtual base::Result<void> remove(const std::string& key) = 0;
  // All keys that begin so, in their order; among them those of what a crash left unfinished, so
  // that whoever removes all of them leaves nothing.
  virtual base::Result<std::vector<std::string>> list(const std::string& prefix) = 0;
};

base::Result<std::unique_ptr<ObjectStore>> open_object_store(const ObjectStoreConfig& config,
                                                             std::stop_token stop = {});

}  // namespace wrenn::storage
