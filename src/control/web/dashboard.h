// The dashboard: the files of web/ that the program has in itself, and which of them answers a
// request. Pure and thread-safe.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "control/proxy_settings.h"
#include "net/headers.h"

namespace wrenn::control {

struct WebFile {
  std::string_view path;          // "/_app/immutable/entry/start.B2x1.js"
  std::string_view content_type;  // With the charset.
  std::string_view tag;           // Of the content; letters and digits.
  std::string_view content;       // As gzip, where is_gzip.
  std::size_t size = 0;           // Of the content that is not gzip any more.
  bool is_gzip = false;
  bool is_immutable = false;  // Its name changes with its content.
};

// By their paths. Empty when the program was built without the dashboard (scripts/web.sh).
std::span<const WebFile> dashboard_files();

struct WebReply {
  int status = 200;
  net::Headers headers;
  std::string_view stored = {};  // Of the table.
  std::string unpacked = {};     // In its place for clients that know no gzip.
  std::string_view body() const { return unpacked.empty() ? stored : unpacked; }
};

// What a browser may load and show on pages of the dashboard: nothing but what comes from here, and
// ports of sandboxes in frames.
std::string content_policy(const ProxySettings& proxy);

// For addresses that are none of the API: a file, or the page, when a browser navigates (RFC 9110:
// Accept has text/html). Nothing for all else, and for whatever lies below the API's own prefixes.
// Paths are only compared with those of the table: nothing else can be reached.
std::optional<WebReply> web_reply(std::span<const WebFile> files, const ProxySettings& proxy,
                                  std::string_view method, std::string_view path,
                                  const net::Headers& request);

}  // namespace wrenn::control
