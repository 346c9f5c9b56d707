#include "envd/http_reply.h"

#include <algorithm>

#include <google/protobuf/message.h>

#include "base/strings.h"
#include "connect/codec.h"
#include "connect/error.h"
#include "envd/files/file_entry.h"
#include "proto/envd.pb.h"

namespace wrenn::envd {
namespace {

using base::Code;
using net::Task;

std::optional<std::string> decode_component(std::string_view text) {
  std::string plain(text);
  std::ranges::replace(plain, '+', ' ');
  return base::percent_decode(plain);
}

net::Headers json_headers() {
  return net::Headers().with("Content-Type", "application/json").with("Cache-Control", "no-store");
}

int file_status(Code code) {
  if (code == Code::kResourceExhausted) return 507;
  return connect::http_status(code);
}

}  // namespace

base::Result<Query> parse_query(std::string_view text) {
  constexpr std::size_t kMaxParameters = 64;
  const auto pairs = base::split(text, '&');
  if (pairs.size() > kMaxParameters) {
    return base::fail(Code::kInvalidArgument,
                      base::concat("the query has more than ", kMaxParameters, " parameters"));
  }
  Query query;
  for (const std::string_view pair : pairs) {
    const std::size_t equals = pair.find('=');
    const auto name = decode_component(pair.substr(0, equals));
    const auto value = decode_component(equals == std::string_view::npos ? std::string_view()
                                                                         : pair.substr(equals + 1));
    if (!name || !value) {
      return base::fail(Code::kInvalidArgument, "the query has a broken percent escape");
    }
    query.emplace(*name, *value);
  }
  return query;
}

Task<base::Result<std::string>> read_small_body(net::Request& request, std::size_t limit) {
  auto body = co_await net::read_all(request.body(), limit);
  if (!body && body.error().code == Code::kResourceExhausted) {
    // To a client that is a defect of its request, and no lack of anything here.
    co_return base::fail(Code::kInvalidArgument, std::move(body).error().message);
  }
  co_return body;
}

Task<base::Result<void>> send_http_error(net::ResponseWriter& response, int status,
                                         const base::Error& error, net::Headers headers) {
  ::envd::HttpError body;
  body.set_code(status);
  body.set_message(to_text(error.to_string()));
  WRENN_CO_TRY_ASSIGN(const std::string json, connect::encode(body, connect::Codec::kJson));
  headers.set("Content-Type", "application/json");
  headers.set("Cache-Control", "no-store");
  co_return co_await response.send(status, std::move(headers), json);
}

Task<base::Result<void>> send_file_error(net::ResponseWriter& response, const base::Error& error) {
  co_return co_await send_http_error(response, file_status(error.code), error);
}

Task<base::Result<void>> send_json(net::ResponseWriter& response,
                                   const google::protobuf::Message& message) {
  WRENN_CO_TRY_ASSIGN(const std::string json, connect::encode(message, connect::Codec::kJson));
  co_return co_await response.send(200, json_headers(), json);
}

base::Result<std::string> uploaded_json(const base::Path& path, const Metadata& metadata) {
  ::envd::UploadedFile file;
  file.set_path(to_text(path.native()));
  file.set_name(to_text(path.filename().native()));
  file.set_type("file");
  for (const auto& [key, value] : metadata) (*file.mutable_metadata())[key] = value;
  return connect::encode(file, connect::Codec::kJson);
}

}  // namespace wrenn::envd
