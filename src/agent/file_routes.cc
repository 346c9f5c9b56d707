#include "agent/file_routes.h"

#include <array>

#include <boost/json.hpp>

#include "base/log.h"
#include "base/strings.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;
namespace json = boost::json;

constexpr std::string_view kPrefix = "/sandboxes/";
constexpr std::string_view kSuffix = "/files";
constexpr std::size_t kMaxErrorBody = 64 * 1024;
constexpr std::size_t kChunk = 64 * 1024;

int status_of(Code code) {
  switch (code) {
    case Code::kInvalidArgument:
    case Code::kFailedPrecondition:
      return 400;
    case Code::kPermissionDenied:
      return 403;
    case Code::kNotFound:
      return 404;
    case Code::kAlreadyExists:
      return 409;
    case Code::kResourceExhausted:
      return 507;
    case Code::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

Code code_of(int status) {
  switch (status) {
    case 400:
      return Code::kInvalidArgument;
    case 401:
    case 403:
      return Code::kPermissionDenied;
    case 404:
      return Code::kNotFound;
    case 409:
      return Code::kAlreadyExists;
    case 413:
    case 507:
      return Code::kResourceExhausted;
    default:
      return Code::kInternal;
  }
}

// envd's error as ours: its message, and the code its status stands for.
net::Task<base::Error> guest_error(net::ClientResponse& response) {
  const auto body = co_await net::read_all(response, kMaxErrorBody);
  std::string message = concat("the guest answered with status ", response.status());
  boost::system::error_code error;
  const json::value value = json::parse(body.value_or(""), error);
  if (!error && value.is_object()) {
    const auto* text = value.get_object().if_contains("message");
    if (text != nullptr && text->is_string()) message = std::string_view(text->get_string());
  }
  co_return base::Error(code_of(response.status()), std::move(message));
}

net::Task<Result<void>> send_error(net::ResponseWriter& response, const base::Error& error) {
  const std::string_view code = base::code_name(error.code);
  const json::object body = {{"code", json::string_view(code.data(), code.size())},
                             {"message", error.to_string()}};
  return [](net::ResponseWriter& out, int status, std::string text) -> net::Task<Result<void>> {
    co_return co_await out.send(status, net::Headers().with("Content-Type", "application/json"),
                                text);
  }(response, status_of(error.code), json::serialize(body));
}

}  // namespace

bool FileRoutes::owns(std::string_view path) {
  return path.starts_with(kPrefix) && path.ends_with(kSuffix);
}

Result<FileRoutes::Target> FileRoutes::parse(const net::Request& request) {
  Target target;
  std::string_view id = request.path().substr(kPrefix.size());
  id.remove_suffix(kSuffix.size());
  target.sandbox = id;
  for (const auto part : base::split(request.query(), '&')) {
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    const auto value = base::percent_decode(part.substr(equals + 1));
    if (!value) return base::fail(Code::kInvalidArgument, "the address is not well encoded");
    if (part.substr(0, equals) == "path") target.path = *value;
    if (part.substr(0, equals) == "user") target.user = *value;
  }
  if (target.path.empty()) return base::fail(Code::kInvalidArgument, "the path is missing");
  return target;
}

net::Task<Result<void>> FileRoutes::handle(net::Request& request, net::ResponseWriter& response) {
  auto served = co_await serve(request, response);
  if (served) co_return {};
  if (!response.started()) co_return co_await send_error(response, served.error());
  // Part of the content is out: a cut connection is the only way to say that it is not whole.
  response.abort();
  co_return served;
}

net::Task<Result<void>> FileRoutes::serve(net::Request& request, net::ResponseWriter& response) {
  WRENN_CO_TRY_ASSIGN(const Target target, parse(request));
  WRENN_CO_TRY_ASSIGN(const SandboxUse use, manager_.use(target.sandbox));
  if (request.method() == "GET") {
    // The guest may be slow to send: a client who leaves meanwhile must not hold the sandbox.
    co_return co_await while_it_lives(
        use, net::stop_on_disconnect(request.stream(), read(use, target, response)));
  }
  if (request.method() == "PUT") {
    co_return co_await while_it_lives(use, write(use, target, request, response));
  }
  co_return base::fail(Code::kInvalidArgument, "use GET or PUT");
}

net::Task<Result<void>> FileRoutes::read(const SandboxUse& use, const Target& target,
                                         net::ResponseWriter& response) {
  WRENN_CO_TRY_ASSIGN(auto content, co_await use.guest().read_file(target.path, target.user));
  if (content.status() != 200) co_return base::fail(co_await guest_error(content));
  std::optional<std::uint64_t> length;
  if (const auto text = content.headers().find("content-length")) {
    length = base::parse_int<std::uint64_t>(*text);
  }
  WRENN_CO_TRY(co_await response.start(
      200, net::Headers().with("Content-Type", "application/octet-stream"), length));
  std::vector<char> buffer(kChunk);
  while (true) {
    WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await content.read(buffer));
    if (n == 0) break;
    WRENN_CO_TRY(co_await response.write({buffer.data(), n}));
  }
  co_return co_await response.finish();
}

net::Task<Result<void>> FileRoutes::write(const SandboxUse& use, const Target& target,
                                          net::Request& request, net::ResponseWriter& response) {
  WRENN_CO_TRY_ASSIGN(auto answer,
                      co_await use.guest().write_file(target.path, target.user, request.body(),
                                                      request.content_length()));
  if (answer.status() >= 300) co_return base::fail(co_await guest_error(answer));
  // envd lists what it wrote; it is read so that the connection can be used again.
  WRENN_CO_TRY(co_await net::read_all(answer, kMaxErrorBody));
  co_return co_await response.send(204, {}, {});
}

}  // namespace wrenn::agent
