// How every manifest is read and written. For this folder's own sources: Boost.JSON stays in here.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json.hpp>

#include "base/strings.h"
#include "storage/manifest.h"

namespace wrenn::storage {

inline constexpr int kMaxManifestVcpus = 256;
inline constexpr int kMaxManifestMb = 4 << 20;
inline constexpr std::int64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();

inline constexpr std::size_t kMaxManifestPath = 4096;
inline constexpr std::size_t kMaxManifestText = 256;

// Takes the fields of one object, one call each, and remembers the first that is wrong, so that
// the readers below stay lists of fields.
class Fields {
 public:
  explicit Fields(const boost::json::object& object) : object_(object) {}

  std::string text(std::string_view name, std::size_t max = kMaxManifestText) {
    const boost::json::value* value = find(name);
    if (value == nullptr) return {};
    if (!value->is_string()) return wrong(name, "is not a text"), std::string{};
    if (value->get_string().size() > max) return wrong(name, "is too long"), std::string{};
    return std::string(value->get_string());
  }

  // Empty for one that is not there.
  std::string optional_text(std::string_view name, std::size_t max = kMaxManifestText) {
    return object_.contains(name) ? text(name, max) : std::string();
  }

  std::string filled_text(std::string_view name, std::size_t max = kMaxManifestText) {
    std::string value = text(name, max);
    if (value.empty()) wrong(name, "is empty");
    return value;
  }

  template <std::integral T>
  T number(std::string_view name, std::int64_t min, std::int64_t max) {
    const boost::json::value* value = find(name);
    if (value == nullptr) return {};
    if (!value->is_int64()) return wrong(name, "is not a whole number"), T{};
    const std::int64_t n = value->get_int64();
    if (n < min || n > max) return wrong(name, "is out of range"), T{};
    return static_cast<T>(n);
  }

  std::map<std::string, std::string> texts(std::string_view name) {
    std::map<std::string, std::string> out;
    const boost::json::value* value = find(name);
    if (value == nullptr) return out;
    if (!value->is_object()) return wrong(name, "is not an object"), out;
    if (value->get_object().size() > kMaxMetadataEntries) return wrong(name, "is too large"), out;
    for (const auto& entry : value->get_object()) {
      const bool valid = entry.value().is_string() && entry.key().size() <= kMaxMetadataKey &&
                         entry.value().get_string().size() <= kMaxMetadataValue;
      if (!valid) return wrong(name, "has an invalid entry"), out;
      out.emplace(entry.key(), entry.value().get_string());
    }
    return out;
  }

  const boost::json::object& object(std::string_view name) {
    static const boost::json::object kEmpty;
    const boost::json::value* value = find(name);
    if (value == nullptr) return kEmpty;
    if (!value->is_object()) return wrong(name, "is not an object"), kEmpty;
    return value->get_object();
  }

  FileStamp file(std::string_view name) {
    Fields inner(object(name));
    FileStamp stamp;
    stamp.path = inner.filled_text("path", kMaxManifestPath);
    stamp.sha256 = inner.text("sha256");
    stamp.size = inner.number<std::uint64_t>("size", 0, kMaxInt64);
    if (!stamp.sha256.empty() && stamp.sha256.size() != 64) inner.wrong("sha256", "is invalid");
    if (inner.problem_) wrong(name, base::concat("is invalid: ", inner.problem_->message));
    return stamp;
  }

  bool flag(std::string_view name) {
    const boost::json::value* value = find(name);
    if (value == nullptr) return false;
    if (!value->is_bool()) return wrong(name, "is neither true nor false"), false;
    return value->get_bool();
  }

  std::vector<std::string> text_list(std::string_view name, std::size_t most, std::size_t max) {
    std::vector<std::string> out;
    const boost::json::value* value = find(name);
    if (value == nullptr) return out;
    if (!value->is_array()) return wrong(name, "is not a list"), out;
    if (value->get_array().size() > most) return wrong(name, "is too large"), out;
    for (const auto& entry : value->get_array()) {
      const bool valid = entry.is_string() && entry.get_string().size() <= max;
      if (!valid) return wrong(name, "has an invalid entry"), out;
      out.emplace_back(entry.get_string());
    }
    return out;
  }

  // One that is not there restricts nothing: that is older than policies are.
  NetworkPolicy network(std::string_view name) {
    NetworkPolicy policy;
    if (!object_.contains(name)) return policy;
    Fields inner(object(name));
    policy.deny_internet = inner.flag("deny_internet");
    policy.allow_out = inner.text_list("allow_out", kMaxNetworkEntries, kMaxNetworkEntry);
    policy.deny_out = inner.text_list("deny_out", kMaxNetworkEntries, kMaxNetworkEntry);
    if (inner.problem_) wrong(name, base::concat("is invalid: ", inner.problem_->message));
    return policy;
  }

  void wrong(std::string_view name, std::string_view what) {
    if (problem_) return;
    problem_ = base::Error(base::Code::kDataLoss, base::concat("field \"", name, "\" ", what));
  }

  base::Result<void> status() const {
    if (problem_) return base::fail(*problem_);
    return {};
  }

 private:
  const boost::json::value* find(std::string_view name) {
    const boost::json::value* value = object_.if_contains(name);
    if (value == nullptr) wrong(name, "is missing");
    return value;
  }

  const boost::json::object& object_;
  std::optional<base::Error> problem_;
};

// kDataLoss for a text that is none, or of more than kMaxManifestBytes.
base::Result<boost::json::object> parse_json_object(std::string_view text);
// The object of a manifest whose format this program knows; kFailedPrecondition for a newer one.
base::Result<boost::json::object> parse_manifest_object(std::string_view text);
boost::json::object texts_json(const std::map<std::string, std::string>& texts);
// With the line end that files have.
std::string manifest_text(const boost::json::object& object);
// Never blocks on a FIFO and follows no link, whoever may write into the directory.
base::Result<std::string> read_manifest_file(const Path& path);

template <class Manifest>
base::Result<Manifest> read_manifest(const Path& path,
                                     base::Result<Manifest> (*parse)(std::string_view)) {
  auto text = read_manifest_file(path);
  auto manifest = text ? parse(*text) : base::fail(std::move(text).error());
  if (!manifest) return base::fail(std::move(manifest).error().with_context(path.native()));
  return manifest;
}

// Refuses now what nobody could read back later.
template <class Manifest>
base::Result<void> write_checked(const Path& path, const Manifest& manifest, mode_t mode,
                                 base::Result<Manifest> (*parse)(std::string_view)) {
  const std::string text = to_json(manifest);
  if (auto parsed = parse(text); !parsed) {
    return base::fail(base::Code::kInvalidArgument,
                      base::concat("writing ", path.native(), ": ", parsed.error().message));
  }
  return base::write_file_atomic(path, text, mode);
}

}  // namespace wrenn::storage
