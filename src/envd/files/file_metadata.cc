#include "envd/files/file_metadata.h"

#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>

#include "base/strings.h"
#include "envd/files/file_entry.h"

namespace wrenn::envd {
namespace {

using base::Code;

constexpr std::string_view kField = "x-metadata-";
constexpr std::string_view kPrefix = "user.e2b.";
// A name may have 255 bytes, and ext4 keeps all of a file's in 4096.
constexpr std::size_t kMaxKey = 255 - kPrefix.size();
constexpr std::size_t kMaxTotal = 4096;

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

base::Result<void> check_pair(std::string_view key, std::string_view value) {
  if (key.empty() || key.size() > kMaxKey) {
    return base::fail(Code::kInvalidArgument,
                      base::concat("a metadata key must have 1 to ", kMaxKey, " bytes"));
  }
  if (!is_printable(key) || !is_printable(value)) {
    return base::fail(Code::kInvalidArgument,
                      base::concat("the metadata '", to_text(key), "' must be printable ASCII"));
  }
  return {};
}

// Nothing when it is gone or cannot be read.
std::optional<std::string> read_attribute(const base::Path& path, const char* name) {
  std::string value(kMaxTotal, '\0');
  const ssize_t size = ::getxattr(path.c_str(), name, value.data(), value.size());
  if (size < 0) return std::nullopt;
  value.resize(static_cast<std::size_t>(size));
  return value;
}

}  // namespace

base::Result<Metadata> metadata_from_headers(const net::Headers& headers) {
  Metadata metadata;
  std::size_t total = 0;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const net::HeaderField field = headers[i];
    if (!base::equal_ignore_case(field.name.substr(0, kField.size()), kField)) continue;
    const std::string key = base::to_lower(field.name.substr(kField.size()));
    WRENN_TRY(check_pair(key, field.value));
    if (!metadata.emplace(key, field.value).second) continue;
    total += kPrefix.size() + key.size() + field.value.size();
    if (total > kMaxTotal) {
      return base::fail(Code::kInvalidArgument,
                        base::concat("the metadata of a file must not exceed ", kMaxTotal,
                                     " bytes, with ", kPrefix.size(), " more for each key"));
    }
  }
  return metadata;
}

base::Result<void> write_metadata(int fd, const Metadata& metadata) {
  for (const auto& [key, value] : metadata) {
    const std::string name = base::concat(kPrefix, key);
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0) continue;
    if (errno == EOPNOTSUPP) {
      return base::fail(Code::kFailedPrecondition, "the file system there keeps no metadata",
                        "upload without X-Metadata fields, or to another directory");
    }
    return base::fail_errno(errno, "cannot keep the metadata");
  }
  return {};
}

Metadata read_metadata(const base::Path& path) {
  const ssize_t size = ::listxattr(path.c_str(), nullptr, 0);
  if (size <= 0) return {};
  std::string names(static_cast<std::size_t>(size), '\0');
  const ssize_t listed = ::listxattr(path.c_str(), names.data(), names.size());
  if (listed <= 0) return {};
  names.resize(static_cast<std::size_t>(listed));
  Metadata metadata;
  for (const std::string_view name : base::split(names, '\0')) {
    if (!name.starts_with(kPrefix) || name.size() == kPrefix.size()) continue;
    const auto value = read_attribute(path, std::string(name).c_str());
    if (value) metadata.emplace(to_text(name.substr(kPrefix.size())), to_text(*value));
  }
  return metadata;
}

}  // namespace wrenn::envd
