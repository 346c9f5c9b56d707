#include "envd/files/content_type.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"

namespace wrenn::envd {
namespace {

// By ending. What a browser would show in place, and what people pass around.
constexpr auto kTypes = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"avif", "image/avif"},
    {"css", "text/css; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html; charset=utf-8"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/x-icon"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"log", "text/plain; charset=utf-8"},
    {"md", "text/markdown; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"py", "text/x-python; charset=utf-8"},
    {"sh", "text/x-sh; charset=utf-8"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"txt", "text/plain; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"wav", "audio/wav"},
    {"webm", "video/webm"},
    {"webp", "image/webp"},
    {"woff2", "font/woff2"},
    {"xml", "text/xml; charset=utf-8"},
    {"zip", "application/zip"},
});

}  // namespace

std::string_view content_type_of(std::string_view file_name) {
  constexpr std::string_view kUnknown = "application/octet-stream";
  const auto dot = file_name.rfind('.');
  if (dot == std::string_view::npos) return kUnknown;
  const std::string ending = base::to_lower(file_name.substr(dot + 1));
  const auto type =
      std::ranges::find(kTypes, ending, [](const auto& entry) { return entry.first; });
  return type == kTypes.end() ? kUnknown : type->second;
}

}  // namespace wrenn::envd
