#include "storage/manifest_fields.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

namespace wrenn::storage {

using base::Code;
using base::concat;
using base::Result;
namespace json = boost::json;

Result<json::object> parse_json_object(std::string_view text) {
  json::parse_options options;
  options.max_depth = 8;
  if (text.size() > kMaxManifestBytes) return base::fail(Code::kDataLoss, "too large");
  json::error_code error;
  json::value value = json::parse(text, error, {}, options);
  if (error) return base::fail(Code::kDataLoss, concat("not valid JSON: ", error.message()));
  if (!value.is_object()) return base::fail(Code::kDataLoss, "not a JSON object");
  return std::move(value.get_object());
}

Result<json::object> parse_manifest_object(std::string_view text) {
  WRENN_TRY_ASSIGN(json::object object, parse_json_object(text));
  Fields fields(object);
  const int format = fields.number<int>("format", 1, std::numeric_limits<int>::max());
  WRENN_TRY(fields.status());
  if (format > kManifestFormat) {
    return base::fail(Code::kFailedPrecondition,
                      concat("format ", format, " is newer than this program knows"),
                      "upgrade Wrenn on this host");
  }
  return object;
}

Result<std::string> read_manifest_file(const Path& path) {
  WRENN_TRY_ASSIGN(base::Fd fd, base::open_file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return base::fail_errno(errno, "cannot stat");
  if (!S_ISREG(info.st_mode)) return base::fail(Code::kDataLoss, "not a regular file");
  return base::read_file(concat("/proc/self/fd/", fd.get()), kMaxManifestBytes);
}

std::string manifest_text(const json::object& object) {
  return json::serialize(object) + "\n";
}

}  // namespace wrenn::storage
