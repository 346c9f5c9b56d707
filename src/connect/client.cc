#include "connect/client.h"

#include <google/protobuf/message.h>

#include "base/strings.h"
#include "connect/call_head.h"
#include "connect/client_deadline.h"
#include "connect/error.h"
#include "net/scope.h"

namespace wrenn::connect {
namespace {

using base::Code;
using net::Task;

// Servers and proxies differ in what they take; this is taken by all.
constexpr std::size_t kMaxGetTarget = 4096;

template <class T>
Task<base::Result<T>> within(base::Duration limit, Task<base::Result<T>> task) {
  if (limit <= base::Duration::zero()) return task;
  return net::with_timeout(limit, std::move(task));
}

template <class T>
Task<base::Result<T>> failed(base::Error error) {
  co_return base::fail(std::move(error));
}

// Every value of a name in `own` stays, and replaces those of `common`.
net::Headers merge(const net::Headers& common, const net::Headers& own) {
  net::Headers merged = common;
  for (std::size_t i = 0; i < own.size(); ++i) merged.remove(own[i].name);
  for (std::size_t i = 0; i < own.size(); ++i) merged.add(own[i].name, own[i].value);
  return merged;
}

}  // namespace

net::ClientRequest Client::make_request(std::string path, CallKind kind,
                                        const CallOptions& call) const {
  net::ClientRequest request{"POST", std::move(path), merge(options_.headers, call.headers), {}};
  request.headers.set("Content-Type", content_type_name({options_.codec, kind}));
  request.headers.set("Connect-Protocol-Version", "1");
  const bool is_unary = kind == CallKind::kUnary;
  if (options_.accept != Compression::kIdentity) {
    request.headers.set(is_unary ? "Accept-Encoding" : "Connect-Accept-Encoding",
                        compression_name(options_.accept));
  }
  if (!is_unary && options_.send != Compression::kIdentity) {
    request.headers.set("Connect-Content-Encoding", compression_name(options_.send));
  }
  if (call.timeout > base::Duration::zero()) {
    request.headers.set("Connect-Timeout-Ms",
                        base::concat(std::max<std::int64_t>(base::to_ms(call.timeout), 1)));
  }
  return request;
}

base::Result<net::ClientRequest> Client::make_unary(std::string path, const Message& message,
                                                    const CallOptions& call) const {
  if (call.get == HttpGet::kWhenPossible && side_effects_of(path) == SideEffects::kNone) {
    WRENN_TRY_ASSIGN(auto get, make_get(path, message, call));
    if (get.target.size() <= kMaxGetTarget) return get;
  }
  net::ClientRequest request = make_request(std::move(path), CallKind::kUnary, call);
  WRENN_TRY_ASSIGN(request.body, encode(message, options_.codec));
  if (auto packed = compress(request.body, options_.send, options_.min_compressed_bytes)) {
    request.headers.set("Content-Encoding", compression_name(options_.send));
    request.body = std::move(*packed);
  }
  return request;
}

base::Result<net::ClientRequest> Client::make_get(const std::string& path, const Message& message,
                                                  const CallOptions& call) const {
  net::ClientRequest request = make_request(path, CallKind::kUnary, call);
  request.method = "GET";
  request.headers.remove("Content-Type");
  request.headers.remove("Connect-Protocol-Version");
  WRENN_TRY_ASSIGN(const std::string bytes, encode_stable(message, options_.codec));
  const auto packed = compress(bytes, options_.send, options_.min_compressed_bytes);
  const auto compression = packed ? options_.send : Compression::kIdentity;
  request.target += '?' + make_get_query(options_.codec, compression, packed ? *packed : bytes);
  return request;
}

detail::StreamSettings Client::stream_settings(const CallOptions& call) const {
  detail::StreamSettings settings{options_.codec, options_.max_message_bytes, options_.send,
                                  options_.min_compressed_bytes, std::nullopt};
  if (call.timeout > base::Duration::zero()) settings.deadline = base::steady_now() + call.timeout;
  return settings;
}

Task<base::Result<std::string>> Client::start_unary(std::string path, const Message& request,
                                                    CallOptions call) {
  auto http_request = make_unary(std::move(path), request, call);
  if (!http_request) return failed<std::string>(std::move(http_request).error());
  return send_unary(std::move(*http_request), std::move(call));
}

Task<base::Result<std::string>> Client::send_unary(net::ClientRequest request, CallOptions call) {
  return within(call.timeout, exchange(std::move(request), call.metadata));
}

Task<base::Result<std::string>> Client::exchange(net::ClientRequest request,
                                                 ResponseMetadata* metadata) {
  WRENN_CO_TRY_ASSIGN(auto response, co_await http_.send(std::move(request)));
  if (metadata != nullptr) *metadata = detail::split_metadata(response.headers());
  if (response.status() != 200) co_return base::fail(co_await detail::read_error(response));
  co_return co_await detail::read_message(response, options_.codec, options_.max_message_bytes);
}

Task<base::Result<Client::RawStreamPtr>> Client::start_stream(std::string path,
                                                              const Message& request,
                                                              CallOptions call) {
  net::ClientRequest http_request = make_request(std::move(path), CallKind::kStream, call);
  auto data = encode(request, options_.codec);
  if (!data) return failed<RawStreamPtr>(std::move(data).error());
  const auto packed = compress(*data, options_.send, options_.min_compressed_bytes);
  http_request.body =
      packed ? encode_envelope(kCompressedFlag, *packed) : encode_envelope(0, *data);
  return send_stream(std::move(http_request), std::move(call));
}

Task<base::Result<Client::RawStreamPtr>> Client::send_stream(net::ClientRequest request,
                                                             CallOptions call) {
  const auto settings = stream_settings(call);
  return detail::until_deadline(settings.deadline, open(std::move(request), settings));
}

Task<base::Result<Client::RawStreamPtr>> Client::open(net::ClientRequest request,
                                                      detail::StreamSettings settings) {
  WRENN_CO_TRY_ASSIGN(auto response, co_await http_.send(std::move(request)));
  co_return co_await detail::open_stream(std::move(response), settings, nullptr);
}

Task<base::Result<Client::RawUploadPtr>> Client::start_upload(std::string path, CallOptions call) {
  net::ClientRequest request = make_request(std::move(path), CallKind::kStream, call);
  return open_upload(std::move(request), std::move(call));
}

Task<base::Result<Client::RawUploadPtr>> Client::open_upload(net::ClientRequest request,
                                                             CallOptions call) {
  const auto settings = stream_settings(call);
  WRENN_CO_TRY_ASSIGN(auto upload, co_await detail::until_deadline(
                                       settings.deadline, http_.upload(std::move(request))));
  co_return std::make_unique<detail::RawUpload>(std::move(upload), settings, call.metadata);
}

}  // namespace wrenn::connect
