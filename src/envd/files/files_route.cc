#include "envd/files/files_route.h"

#include "base/time.h"
#include "envd/files/download.h"
#include "envd/files/file_entry.h"
#include "envd/files/upload.h"
#include "envd/http_reply.h"

namespace wrenn::envd {
namespace {

using base::Code;
using base::Path;
using base::Result;
using net::Task;

// Empty and missing are the same to every parameter.
std::string_view parameter(const Query& query, std::string_view name) {
  const auto found = query.find(name);
  return found == query.end() ? std::string_view() : std::string_view(found->second);
}

Result<void> check_access(const net::Request& request, const Query& query, FileOperation operation,
                          const base::Secret& token) {
  if (token.empty()) return {};
  const std::string_view shown = request.headers().find("x-access-token").value_or("");
  if (!shown.empty()) {
    if (token.equals(shown)) return {};
    return base::fail(Code::kUnauthenticated, "access token present in header but does not match");
  }
  const std::string_view signature = parameter(query, "signature");
  if (signature.empty()) {
    return base::fail(Code::kUnauthenticated, "missing signature query parameter");
  }
  SignedFile file{.path = parameter(query, "path"),
                  .operation = operation,
                  .user = parameter(query, "username"),
                  .expiration = {}};
  const std::string_view expiration = parameter(query, "signature_expiration");
  if (!expiration.empty()) {
    WRENN_TRY_ASSIGN(file.expiration, parse_expiration(expiration));
  }
  return check_signature(signature, file, token, base::unix_ms_now() / 1000);
}

Result<UploadTarget> read_target(const net::Request& request, const GuestSettings& settings,
                                 FileOperation operation) {
  WRENN_TRY_ASSIGN(const Query query, parse_query(request.query()));
  WRENN_TRY(check_access(request, query, operation, settings.token));
  UploadTarget target;
  const std::string_view username = parameter(query, "username");
  if (!username.empty()) {
    WRENN_TRY_ASSIGN(target.actor, find_actor(settings, username));
  } else {
    WRENN_TRY_ASSIGN(target.actor, find_actor(settings, request.headers()));
  }
  const std::string_view path = parameter(query, "path");
  if (!path.empty()) target.path = path;
  return target;
}

Result<Path> read_path(const net::Request& request, const GuestSettings& settings) {
  WRENN_TRY_ASSIGN(const UploadTarget target, read_target(request, settings, FileOperation::kRead));
  if (!target.path) return base::fail(Code::kInvalidArgument, "the path is missing");
  return target.actor.resolve(*target.path);
}

}  // namespace

Task<Result<void>> FilesRoute::get(net::Request& request, net::ResponseWriter& response) {
  const auto path = read_path(request, settings_);
  if (!path) co_return co_await send_file_error(response, path.error());
  co_return co_await send_download(request, *path, response);
}

Task<Result<void>> FilesRoute::post(net::Request& request, net::ResponseWriter& response) {
  auto target = read_target(request, settings_, FileOperation::kWrite);
  if (!target) co_return co_await send_file_error(response, target.error());
  const auto reply = co_await receive_upload(request, std::move(*target));
  if (!reply) co_return co_await send_file_error(response, reply.error());
  co_return co_await response.send(200, net::Headers().with("Content-Type", "application/json"),
                                   *reply);
}

}  // namespace wrenn::envd
