#include "storage/objects/object_store.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "base/sealer.h"
#include "base/strings.h"
#include "storage/manifest_fields.h"
#include "storage/objects/directory_store.h"
#include "storage/objects/s3_store.h"

namespace wrenn::storage {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::string_view kFileScheme = "file://";
constexpr std::size_t kMaxConfig = 64 << 10;
constexpr std::array<std::string_view, 8> kFields = {
    "endpoint",          "bucket", "region",  "access_key_id",
    "secret_access_key", "prefix", "ca_file", "encryption_key"};

base::Error wrong(std::string_view field, std::string_view what) {
  return {Code::kInvalidArgument, concat(kObjectStorageFile, ": ", field, " ", what)};
}

Result<void> check(const ObjectStoreConfig& config) {
  const auto is_key_part = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '/';
  };
  if (!std::ranges::all_of(config.prefix, is_key_part) ||
      (!config.prefix.empty() && (config.prefix.front() == '/' || config.prefix.back() != '/'))) {
    return base::fail(wrong("prefix", "is made of a-z, 0-9 and -._/, and ends with /"));
  }
  if (config.endpoint.starts_with(kFileScheme)) {
    if (config.endpoint.size() > kFileScheme.size() && config.endpoint[kFileScheme.size()] == '/') {
      return {};
    }
    return base::fail(wrong("endpoint", "names no directory; file:///mnt/shared would"));
  }
  if (!config.endpoint.starts_with("https://") && !config.endpoint.starts_with("http://")) {
    return base::fail(wrong("endpoint", "is https://HOST, http://HOST or file:///DIRECTORY"));
  }
  if (config.bucket.empty()) return base::fail(wrong("bucket", "is missing"));
  if (config.access_key_id.empty()) return base::fail(wrong("access_key_id", "is missing"));
  if (config.secret_access_key.empty()) return base::fail(wrong("secret_access_key", "is missing"));
  return {};
}

}  // namespace

Result<ObjectStoreConfig> parse_object_store_config(std::string_view json) {
  WRENN_TRY_ASSIGN(const boost::json::object object, parse_json_object(json));
  for (const auto& field : object) {
    if (std::ranges::find(kFields, std::string_view(field.key())) == kFields.end()) {
      return base::fail(wrong(field.key(), "is not a field of it"));
    }
  }
  Fields fields(object);
  ObjectStoreConfig config;
  config.endpoint = fields.filled_text("endpoint");
  config.bucket = fields.optional_text("bucket");
  if (auto region = fields.optional_text("region"); !region.empty()) {
    config.region = std::move(region);
  }
  config.access_key_id = fields.optional_text("access_key_id");
  config.secret_access_key = base::Secret(fields.optional_text("secret_access_key"));
  config.prefix = fields.optional_text("prefix");
  config.ca_file = fields.optional_text("ca_file", kMaxManifestPath);
  const std::string key = fields.optional_text("encryption_key");
  WRENN_TRY(fields.status());
  if (!key.empty()) {
    auto bytes = base::seal_key_from_hex(key);
    if (!bytes) {
      return base::fail(
          wrong("encryption_key", "is 64 hexadecimal digits; `openssl rand -hex 32` makes one"));
    }
    config.encryption_key = *std::move(bytes);
  }
  while (config.endpoint.ends_with('/')) config.endpoint.pop_back();
  WRENN_TRY(check(config));
  return config;
}

Result<ObjectStoreConfig> read_object_store_config(const base::Path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0 && (info.st_mode & 077) != 0) {
    return base::fail(Code::kPermissionDenied,
                      concat(path.native(), " has secrets and can be read by others"),
                      concat("chmod 600 ", path.native()));
  }
  WRENN_TRY_ASSIGN(const std::string text, base::read_file(path, kMaxConfig));
  return parse_object_store_config(text);
}

Result<std::unique_ptr<ObjectStore>> open_object_store(const ObjectStoreConfig& config,
                                                       std::stop_token stop) {
  WRENN_TRY(check(config));
  if (config.endpoint.starts_with(kFileScheme)) {
    return std::make_unique<DirectoryStore>(base::Path(config.endpoint.substr(kFileScheme.size())) /
                                            config.prefix);
  }
  return std::make_unique<S3Store>(config, std::move(stop));
}

}  // namespace wrenn::storage
