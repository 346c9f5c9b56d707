#include "control/web/dashboard.h"

#include <algorithm>

#include "base/log.h"
#include "base/strings.h"
#include "net/gzip.h"

namespace wrenn::control {
namespace {

using base::concat;

constexpr std::string_view kPage = "/index.html";
constexpr std::string_view kForEver = "public, max-age=31536000, immutable";
// Kept, but asked for each time: a new version of the program is seen at once.
constexpr std::string_view kAskAgain = "no-cache";
constexpr std::string_view kNotBuilt =
    "This wrenn-cp was built without the dashboard. `make build` builds both; the API is as ever, "
    "and GET /docs describes it.\n";

const WebFile* find_file(std::span<const WebFile> files, std::string_view path) {
  const auto found = std::ranges::lower_bound(files, path, {}, &WebFile::path);
  return found != files.end() && found->path == path ? &*found : nullptr;
}

// Programs get the API's errors there, and people who mistyped one as well.
bool is_of_api(std::string_view path) {
  return path == "/v1" || path.starts_with("/v1/") || path.starts_with("/auth/oauth/");
}

net::Headers common_fields(std::string_view content_type, const ProxySettings& proxy) {
  net::Headers fields;
  fields.add("Content-Type", content_type);
  fields.add("X-Content-Type-Options", "nosniff");
  fields.add("X-Frame-Options", "DENY");
  fields.add("Referrer-Policy", "same-origin");
  fields.add("Cross-Origin-Opener-Policy", "same-origin");
  fields.add("Cross-Origin-Resource-Policy", "same-origin");
  fields.add("Content-Security-Policy", content_policy(proxy));
  return fields;
}

WebReply reply_with(const WebFile& file, const ProxySettings& proxy, const net::Headers& request) {
  WebReply reply{.headers = common_fields(file.content_type, proxy)};
  // Weak, as it is the same for both codings.
  const std::string tag = concat("W/\"", file.tag, '"');
  reply.headers.add("ETag", tag);
  reply.headers.add("Cache-Control", file.is_immutable ? kForEver : kAskAgain);
  // The page stands for addresses that answer programs otherwise.
  reply.headers.add("Vary", file.path == kPage ? "Accept, Accept-Encoding" : "Accept-Encoding");
  if (request.has_token("if-none-match", tag)) {
    reply.status = 304;
    return reply;
  }
  reply.stored = file.content;
  if (!file.is_gzip) return reply;
  if (request.has_token("accept-encoding", "gzip")) {
    reply.headers.add("Content-Encoding", "gzip");
    return reply;
  }
  auto unpacked = net::gunzip(file.content, file.size);
  if (!unpacked) {
    base::log_error("a file of the dashboard is damaged",
                    {{"path", file.path}, {"error", unpacked.error()}});
    reply.status = 500;
    reply.stored = {};
    return reply;
  }
  reply.unpacked = std::move(*unpacked);
  return reply;
}

}  // namespace

std::string content_policy(const ProxySettings& proxy) {
  std::string frames = proxy.origin();
  if (!proxy.domain.empty()) {
    frames += concat(' ', proxy.scheme, "://*.", proxy.domain, proxy.authority_suffix);
  }
  return concat(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
      "font-src 'self'; connect-src 'self'; frame-src ",
      frames, "; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
}

std::optional<WebReply> web_reply(std::span<const WebFile> files, const ProxySettings& proxy,
                                  std::string_view method, std::string_view path,
                                  const net::Headers& request) {
  if ((method != "GET" && method != "HEAD") || is_of_api(path)) return std::nullopt;
  const WebFile* file = path == kPage ? nullptr : find_file(files, path);
  if (file != nullptr) return reply_with(*file, proxy, request);
  if (!request.has_token("accept", "text/html")) return std::nullopt;
  // A file of an earlier version is gone, and no page takes its place.
  if (path.starts_with("/_app/")) return std::nullopt;
  file = find_file(files, kPage);
  if (file != nullptr) return reply_with(*file, proxy, request);
  WebReply reply{.status = 404, .headers = common_fields("text/plain; charset=utf-8", proxy)};
  reply.headers.add("Cache-Control", "no-store");
  reply.stored = kNotBuilt;
  return reply;
}

}  // namespace wrenn::control
