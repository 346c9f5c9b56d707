#include "control/api/etag.h"

#include <charconv>

#include "base/strings.h"

namespace wrenn::control {

using base::concat;

std::string etag_of(std::int64_t version) {
  return concat("\"", version, "\"");
}

Answer<std::optional<std::int64_t>> seen_version(const net::Headers& headers) {
  if (const auto none = headers.find("if-none-match")) {
    if (base::trim(*none) == "*") return 0;
    return refuse(ApiCode::kInvalidRequest, "If-None-Match can be * only: nothing is there yet");
  }
  const auto match = headers.find("if-match");
  if (!match || base::trim(*match) == "*") return std::nullopt;
  const std::string_view tag = base::trim(*match);
  std::int64_t version = 0;
  const bool is_quoted = tag.size() > 2 && tag.front() == '"' && tag.back() == '"';
  if (is_quoted) {
    const char* end = tag.data() + tag.size() - 1;
    const auto [stopped, error] = std::from_chars(tag.data() + 1, end, version);
    if (error == std::errc() && stopped == end && version > 0) return version;
  }
  return refuse(ApiCode::kInvalidRequest,
                "If-Match must be one ETag, as GET gave it, with its quotes");
}

ApiError changed_meanwhile() {
  return {ApiCode::kPreconditionFailed,
          "somebody else has changed it meanwhile; read it again and change what is there now"};
}

}  // namespace wrenn::control
