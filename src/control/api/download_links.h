// Addresses of downloads: what each is for, signed, so that a browser needs no key and nothing has
// to be kept. Pure and thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "control/api/errors.h"
#include "proxy/access.h"

namespace wrenn::control {

// Where they begin.
inline constexpr std::string_view kDownloads = "/v1/downloads/";

struct DownloadTarget {
  std::string team_id;
  std::string sandbox_id;
  std::string user;  // As the request named them; none of the four has a NUL in it.
  std::string path;
  bool operator==(const DownloadTarget&) const = default;
};

// Good until that second. Letters, digits, '-', '_' and one '.'.
std::string download_token(const proxy::AccessKey& key, const DownloadTarget& target,
                           std::int64_t expires_unix);
// kForbidden for one that was not made with this key, or whose time is over.
Answer<DownloadTarget> check_download(const proxy::AccessKey& key, std::string_view token,
                                      std::int64_t now_unix);

// What a file or a directory of that path is called when it is saved: "a b.txt"; "files" where the
// path has no name.
std::string download_name(std::string_view path);
// Of an attachment (RFC 6266), for any name.
std::string attachment(std::string_view name);

}  // namespace wrenn::control
