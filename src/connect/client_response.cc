#include "connect/client_response.h"

#include "base/strings.h"
#include "connect/error.h"

namespace wrenn::connect::detail {
namespace {

using base::Code;
using net::Task;

constexpr std::size_t kMaxErrorBytes = 64 * 1024;
constexpr std::string_view kTrailerPrefix = "trailer-";

}  // namespace

ResponseMetadata split_metadata(const net::Headers& headers) {
  ResponseMetadata metadata;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const auto [name, value] = headers[i];
    const bool is_trailer =
        name.size() > kTrailerPrefix.size() &&
        base::equal_ignore_case(name.substr(0, kTrailerPrefix.size()), kTrailerPrefix);
    if (is_trailer) {
      metadata.trailers.add(name.substr(kTrailerPrefix.size()), value);
    } else {
      metadata.headers.add(name, value);
    }
  }
  return metadata;
}

base::Result<Compression> check_response(const net::ClientResponse& response,
                                         ContentType expected) {
  const std::string_view type = response.headers().find("content-type").value_or("");
  if (parse_content_type(type) != expected) {
    // Another encoding is a defect of the server; anything else is hardly this protocol.
    const bool is_stream = expected.kind == CallKind::kStream;
    const bool is_ours =
        base::to_lower(type).starts_with(is_stream ? "application/connect+" : "application/");
    return base::fail(is_ours ? Code::kInternal : Code::kUnknown,
                      base::concat("the server's answer is of type '", type, "', not ",
                                   content_type_name(expected)));
  }
  const std::string_view header = expected.kind == CallKind::kUnary
                                      ? std::string_view("content-encoding")
                                      : "connect-content-encoding";
  const std::string_view name = response.headers().find(header).value_or("");
  const auto compression = parse_compression(name);
  if (compression) return *compression;
  return base::fail(Code::kInternal,
                    base::concat("the server's answer has the unknown compression ", name));
}

Task<base::Error> read_error(net::ClientResponse& response) {
  const int status = response.status();
  base::Error by_status(code_from_http_status(status),
                        base::concat("the server answered with HTTP status ", status));
  const auto compression = check_response(response, {Codec::kJson, CallKind::kUnary});
  if (!compression) co_return by_status;
  const auto body = co_await net::read_all(response, kMaxErrorBytes);
  if (!body) co_return by_status;
  const auto json = decompress(*body, *compression, kMaxErrorBytes);
  if (!json) co_return by_status;
  auto error = parse_error_json(*json, by_status.code);
  if (!error) co_return by_status;
  if (error->message.empty()) error->message = by_status.message;
  co_return std::move(*error);
}

Task<base::Result<std::string>> read_message(net::ClientResponse& response, Codec codec,
                                             std::size_t max_bytes) {
  WRENN_CO_TRY_ASSIGN(const auto compression, check_response(response, {codec, CallKind::kUnary}));
  const bool is_packed = compression != Compression::kIdentity;
  auto body = co_await net::read_all(response, is_packed ? packed_limit(max_bytes) : max_bytes);
  if (!body || !is_packed) co_return body;
  auto message = decompress(*body, compression, max_bytes);
  if (!message) co_return base::fail(as_peers_fault(std::move(message).error()));
  co_return message;
}

base::Error as_peers_fault(base::Error error) {
  if (error.code == Code::kInvalidArgument) error.code = Code::kInternal;
  return std::move(error).with_context("the server's answer cannot be read");
}

}  // namespace wrenn::connect::detail
