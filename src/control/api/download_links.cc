#include "control/api/download_links.h"

#include <algorithm>
#include <vector>

#include "base/strings.h"
#include "connect/base64.h"

namespace wrenn::control {
namespace {

using base::concat;

ApiError no_download() {
  return {ApiCode::kForbidden,
          "this is not the address of a download; POST /v1/capsules/{id}/files/download-url makes "
          "one"};
}

// For programs that read no other: what is not plain is left out of it.
std::string plain_name(std::string_view name) {
  std::string plain(name);
  std::ranges::replace_if(
      plain, [](char c) { return c < ' ' || c > '~' || c == '"' || c == '\\' || c == '%'; }, '_');
  return plain;
}

}  // namespace

std::string download_token(const proxy::AccessKey& key, const DownloadTarget& target,
                           std::int64_t expires_unix) {
  const std::string text =
      connect::to_url_base64(concat(expires_unix, '\0', target.team_id, '\0', target.sandbox_id,
                                    '\0', target.user, '\0', target.path));
  return concat(text, '.', key.download_signature(text));
}

Answer<DownloadTarget> check_download(const proxy::AccessKey& key, std::string_view token,
                                      std::int64_t now_unix) {
  const std::size_t dot = token.find('.');
  if (dot == std::string_view::npos) return std::unexpected(no_download());
  const std::string_view text = token.substr(0, dot);
  if (!key.is_download_signature(text, token.substr(dot + 1))) {
    return std::unexpected(no_download());
  }
  // From here on it is what download_token() made.
  const std::string fields = base::from_any_base64(text).value_or("");
  const std::vector<std::string_view> parts = base::split(fields, '\0');
  constexpr std::size_t kParts = 5;
  if (parts.size() != kParts) return std::unexpected(no_download());
  const auto expires = base::parse_int<std::int64_t>(parts[0]);
  if (!expires) return std::unexpected(no_download());
  if (now_unix >= *expires) {
    return refuse(ApiCode::kForbidden,
                  "the time of this address is over; POST /v1/capsules/{id}/files/download-url "
                  "makes another one");
  }
  return DownloadTarget{.team_id = std::string(parts[1]),
                        .sandbox_id = std::string(parts[2]),
                        .user = std::string(parts[3]),
                        .path = std::string(parts[4])};
}

std::string download_name(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const bool is_name = !name.empty() && name != "." && name != ".." && name != "~";
  return is_name ? std::string(name) : "files";
}

std::string attachment(std::string_view name) {
  return concat("attachment; filename=\"", plain_name(name), "\"; filename*=UTF-8''",
                base::percent_encode(name));
}

}  // namespace wrenn::control
