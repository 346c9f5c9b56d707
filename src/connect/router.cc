#include "connect/router.h"

#include <google/protobuf/message.h>

#include "base/strings.h"
#include "connect/envelope.h"
#include "connect/error.h"
#include "net/scope.h"

namespace wrenn::connect {
namespace {

using base::Code;
using net::Task;

// Writes a stream's messages as envelopes.
class EnvelopeSink final : public MessageSink {
 public:
  EnvelopeSink(net::ResponseWriter& response, CallContext& context, Codec codec)
      : response_(response), context_(context), codec_(codec) {}

  Task<base::Result<void>> start() override {
    if (response_.started()) co_return {};
    net::Headers headers = context_.response_headers;
    headers.set("Content-Type", content_type_name({codec_, CallKind::kStream}));
    co_return note(co_await response_.start(200, std::move(headers)));
  }

  Task<base::Result<void>> write(const Message& message) override {
    WRENN_CO_TRY_ASSIGN(const std::string data, encode(message, codec_));
    co_return co_await write_envelope(0, data);
  }

  // The last frame: success, or the error.
  Task<base::Result<void>> end(const base::Error* error) {
    WRENN_CO_TRY(co_await write_envelope(kEndOfStreamFlag, end_of_stream_json(error)));
    co_return co_await response_.finish();
  }

  // A write that failed may have sent a part: nothing can follow it.
  bool broken() const { return broken_; }

 private:
  Task<base::Result<void>> write_envelope(std::uint8_t flags, std::string_view data) {
    const std::string bytes = encode_envelope(flags, data);
    WRENN_CO_TRY(co_await start());
    co_return note(co_await response_.write(bytes));
  }
  base::Result<void> note(base::Result<void> written) {
    if (!written) broken_ = true;
    return written;
  }

  net::ResponseWriter& response_;
  CallContext& context_;
  const Codec codec_;
  bool broken_ = false;
};

Task<base::Result<void>> send_error(net::ResponseWriter& response, int status,
                                    const base::Error& error, net::Headers headers) {
  headers.set("Content-Type", content_type_name({Codec::kJson, CallKind::kUnary}));
  const std::string body = error_json(error);
  co_return co_await response.send(status, std::move(headers), body);
}

// Connect-Timeout-Ms; zero when there is none.
base::Result<base::Duration> read_timeout(const net::Headers& headers) {
  const auto text = headers.find("connect-timeout-ms");
  if (!text) return base::Duration::zero();
  const auto ms = text->size() <= 10 ? base::parse_int<std::uint64_t>(*text) : std::nullopt;
  if (!ms) {
    return base::fail(Code::kInvalidArgument,
                      "Connect-Timeout-Ms must be a number of at most 10 digits");
  }
  return std::chrono::milliseconds(*ms);
}

base::Result<void> check_headers(const net::Headers& headers, CallKind kind) {
  const auto version = headers.find("connect-protocol-version");
  if (version && *version != "1") {
    return base::fail(Code::kInvalidArgument, "Connect-Protocol-Version must be 1");
  }
  const auto encoding = headers.find(kind == CallKind::kUnary ? std::string_view("content-encoding")
                                                              : "connect-content-encoding");
  if (encoding && *encoding != "identity") {
    return base::fail(Code::kUnimplemented,
                      base::concat("the encoding ", *encoding, " is not supported"),
                      "send the message without compression");
  }
  return {};
}

Task<base::Result<std::string>> read_body(net::Request& request, std::size_t limit) {
  if (request.content_length().value_or(0) > limit) {
    co_return base::fail(Code::kResourceExhausted,
                         base::concat("the message is larger than ", base::human_bytes(limit)));
  }
  co_return co_await net::read_all(request.body(), limit);
}

base::Result<std::string> take_single_envelope(std::string_view body, std::size_t limit) {
  EnvelopeDecoder decoder(limit);
  decoder.add(body);
  WRENN_TRY_ASSIGN(auto envelope, decoder.next());
  if (!envelope || envelope->is_end() || !decoder.is_at_boundary()) {
    return base::fail(Code::kInvalidArgument, "the request must be exactly one message");
  }
  return std::move(envelope->data);
}

struct Call {
  detail::Method& method;
  net::Request& request;
  CallContext& context;
  const Codec codec;
  const std::size_t max_message_bytes;
};

Task<base::Result<std::string>> run_unary(Call& call) {
  WRENN_CO_TRY_ASSIGN(const std::string body,
                      co_await read_body(call.request, call.max_message_bytes));
  const auto message = call.method.new_request();
  WRENN_CO_TRY(decode(body, call.codec, *message));
  WRENN_CO_TRY_ASSIGN(const auto reply, co_await call.method.call(call.context, *message));
  co_return encode(*reply, call.codec);
}

Task<base::Result<void>> run_stream(Call& call, MessageSink& sink) {
  WRENN_CO_TRY_ASSIGN(const std::string body,
                      co_await read_body(call.request, call.max_message_bytes + kEnvelopeHeadSize));
  WRENN_CO_TRY_ASSIGN(const std::string data, take_single_envelope(body, call.max_message_bytes));
  const auto message = call.method.new_request();
  WRENN_CO_TRY(decode(data, call.codec, *message));
  co_return co_await net::stop_on_disconnect(call.request.stream(),
                                             call.method.call_stream(call.context, *message, sink));
}

// Runs the task under the caller's deadline, if there is one.
template <class T>
Task<base::Result<T>> limit_time(base::Result<base::Duration> limit, CallContext& context,
                                 Task<base::Result<T>> task) {
  if (!limit) co_return base::fail(std::move(limit).error());
  if (*limit == base::Duration::zero()) co_return co_await std::move(task);
  context.deadline = base::steady_now() + *limit;
  co_return co_await net::with_timeout(*limit, std::move(task));
}

Task<base::Result<void>> serve_unary(Call& call, net::ResponseWriter& response) {
  const net::Headers& headers = call.context.request_headers;
  base::Result<std::string> reply;
  if (auto checked = check_headers(headers, CallKind::kUnary); !checked) {
    reply = base::fail(std::move(checked).error());
  } else {
    reply = co_await limit_time(read_timeout(headers), call.context, run_unary(call));
  }
  net::Headers out = std::move(call.context.response_headers);
  if (!reply) {
    const base::Error error = std::move(reply).error();
    co_return co_await send_error(response, http_status(error.code), error, std::move(out));
  }
  out.set("Content-Type", content_type_name({call.codec, CallKind::kUnary}));
  co_return co_await response.send(200, std::move(out), *reply);
}

Task<base::Result<void>> serve_stream(Call& call, net::ResponseWriter& response) {
  const net::Headers& headers = call.context.request_headers;
  EnvelopeSink sink(response, call.context, call.codec);
  auto result = check_headers(headers, CallKind::kStream);
  if (result) {
    result = co_await limit_time(read_timeout(headers), call.context, run_stream(call, sink));
  }
  // Canceled: the caller is gone, or this server is going down. Its stream must not look complete.
  if (sink.broken() || (!result && result.error().code == Code::kCanceled)) {
    response.abort();
    co_return result;
  }
  if (result) co_return co_await sink.end(nullptr);
  const base::Error error = std::move(result).error();
  co_return co_await sink.end(&error);
}

// "/package.Service/Method" -> "/package.Service/".
std::string_view service_prefix(std::string_view path) {
  const std::size_t slash = path.find('/', 1);
  if (!path.starts_with('/') || slash == std::string_view::npos) return {};
  return path.substr(0, slash + 1);
}

}  // namespace

namespace detail {

Task<base::Result<std::unique_ptr<Message>>> Method::call(CallContext&, const Message&) {
  co_return base::fail(Code::kUnimplemented, "not a unary method");
}

Task<base::Result<void>> Method::call_stream(CallContext&, const Message&, MessageSink&) {
  co_return base::fail(Code::kUnimplemented, "not a streaming method");
}

}  // namespace detail

void Router::add(std::string path, std::unique_ptr<detail::Method> method) {
  methods_.emplace(std::move(path), std::move(method));
}

bool Router::owns(std::string_view path) const {
  const std::string_view prefix = service_prefix(path);
  if (prefix.empty()) return false;
  const auto method = methods_.lower_bound(prefix);
  return method != methods_.end() && method->first.starts_with(prefix);
}

Task<base::Result<void>> Router::handle(net::Request& request, net::ResponseWriter& response) {
  const auto method = methods_.find(request.path());
  if (method == methods_.end()) {
    const base::Error error(Code::kUnimplemented,
                            base::concat("there is no method ", request.path()));
    co_return co_await send_error(response, 404, error, {});
  }
  if (request.method() != "POST") {
    const base::Error error(Code::kUnimplemented, "a method is called with POST");
    co_return co_await send_error(response, 405, error, net::Headers().with("Allow", "POST"));
  }
  const CallKind kind = method->second->kind();
  const auto type = parse_content_type(request.headers().find("content-type").value_or(""));
  if (!type || type->kind != kind) {
    const std::string accepted = base::concat(content_type_name({Codec::kJson, kind}), ", ",
                                              content_type_name({Codec::kProto, kind}));
    const base::Error error(Code::kUnknown,
                            base::concat("the Content-Type must be one of ", accepted));
    co_return co_await send_error(response, 415, error,
                                  net::Headers().with("Accept-Post", accepted));
  }
  CallContext context{request.headers(), {}, request.stream(), std::nullopt};
  Call call{*method->second, request, context, type->codec, options_.max_message_bytes};
  if (kind == CallKind::kUnary) co_return co_await serve_unary(call, response);
  co_return co_await serve_stream(call, response);
}

}  // namespace wrenn::connect
