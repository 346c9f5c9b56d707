#include "net/http_server.h"

#include <array>

#include "base/log.h"
#include "net/http_connection.h"

namespace wrenn::net {
namespace {

// What a client still sends after its answer is read up to here, so that the answer is not lost in
// a reset; a client with more to send loses the connection.
constexpr std::uint64_t kMaxDrained = 4ull << 20;
constexpr auto kDrainTimeout = std::chrono::seconds(2);

int status_of_head_error(const base::Error& error) {
  switch (error.code) {
    case base::Code::kOutOfRange:
      return error.message.starts_with("the address") ? 414 : 431;
    case base::Code::kUnimplemented:
      return 501;
    case base::Code::kDeadlineExceeded:
      return 408;
    default:
      return 400;
  }
}

// The handler was never reached: the text says why to a person with curl.
Task<void> refuse(Stream& stream, const base::Error& error) {
  const int status = status_of_head_error(error);
  const std::string body = base::concat(error.message, "\n");
  std::string head =
      base::concat("HTTP/1.1 ", status, ' ', reason_phrase(status),
                   "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ", body.size(),
                   "\r\nConnection: close\r\n\r\n");
  const auto sent = co_await with_timeout(kDrainTimeout, stream.write_all(head, body));
  if (!sent) co_return;  // The client is gone: there is nobody to tell.
  stream.shutdown_write();
}

Task<base::Result<void>> drain(ByteSource& body) {
  std::array<char, 16 * 1024> buffer;
  for (std::uint64_t drained = 0; drained < kMaxDrained;) {
    WRENN_CO_TRY_ASSIGN(const std::size_t n, co_await body.read(buffer));
    if (n == 0) co_return {};
    drained += n;
  }
  co_return base::fail(base::Code::kResourceExhausted, "the rest of the body is too long");
}

Task<base::Result<std::string_view>> first_bytes(InputBuffer& input, const HttpServerOptions& o,
                                                 StopToken kept) {
  if (input.view().empty()) {
    WRENN_CO_TRY_ASSIGN(const bool more,
                        co_await with_stop_also(kept, with_timeout(o.idle_timeout, input.fill())));
    if (!more) co_return std::string_view();
  }
  // Whole at once, as most are: no need for a timer.
  if (const auto head = input.waiting_head(o.head)) co_return *head;
  co_return co_await with_timeout(o.header_timeout, input.read_head(o.head));
}

}  // namespace

ResponseWriter::ResponseWriter(Stream& stream, const RequestHead& request)
    : stream_(stream),
      is_head_request_(request.method == "HEAD"),
      version_(request.version),
      keep_alive_(request.keep_alive) {}

std::string ResponseWriter::make_head(int status, const Headers& headers,
                                      std::optional<std::uint64_t> length) {
  started_ = true;
  status_ = status;
  bodyless_ = is_head_request_ || status < 200 || status == 204 || status == 304;
  chunked_ = !length && version_ == HttpVersion::k11 && !bodyless_;
  if (!length && !chunked_ && !bodyless_) keep_alive_ = false;
  left_ = length.value_or(0);
  std::string head = base::concat("HTTP/1.1 ", status, ' ', reason_phrase(status), "\r\n");
  headers.write_to(head);
  fields_.write_to(head);
  if (length && status >= 200 && status != 204) {
    head += base::concat("Content-Length: ", *length, "\r\n");
  }
  if (chunked_) head += "Transfer-Encoding: chunked\r\n";
  if (!keep_alive_) head += "Connection: close\r\n";
  head += "\r\n";
  return head;
}

Task<base::Result<void>> ResponseWriter::send(int status, Headers headers, std::string_view body) {
  const std::string head = make_head(status, headers, body.size());
  finished_ = true;
  co_return co_await stream_.write_all(head, bodyless_ ? std::string_view() : body);
}

Task<base::Result<void>> ResponseWriter::start(int status, Headers headers,
                                               std::optional<std::uint64_t> length) {
  prepare(status, std::move(headers), length);
  co_return co_await flush();
}

void ResponseWriter::prepare(int status, Headers headers, std::optional<std::uint64_t> length) {
  pending_ = make_head(status, headers, length);
}

Task<base::Result<void>> ResponseWriter::flush() {
  const std::string head = std::exchange(pending_, {});
  co_return co_await stream_.write_all(head);
}

base::Result<void> ResponseWriter::count(std::size_t bytes) {
  if (!chunked_ && version_ == HttpVersion::k11 && bytes > left_) {
    abort();
    return base::fail(base::Code::kInternal, "a response is longer than its stated length");
  }
  left_ -= std::min<std::uint64_t>(left_, bytes);
  return {};
}

Task<base::Result<void>> ResponseWriter::write(std::string_view bytes) {
  if (bodyless_ || bytes.empty()) co_return {};
  WRENN_CO_TRY(count(bytes.size()));
  std::string before = std::exchange(pending_, {});
  if (chunked_) append_chunk_size(before, bytes.size());
  co_return co_await stream_.write_all(before, bytes, chunked_ ? kChunkEnd : std::string_view());
}

Task<base::Result<void>> ResponseWriter::write_shared(std::string_view bytes) {
  if (bodyless_ || bytes.empty()) co_return {};
  WRENN_CO_TRY(count(bytes.size()));
  std::string before = std::exchange(pending_, {});
  if (chunked_) append_chunk_size(before, bytes.size());
  co_return co_await stream_.write_shared(before, bytes, chunked_ ? kChunkEnd : std::string_view());
}

Task<base::Result<void>> ResponseWriter::send_file(int file, std::uint64_t offset,
                                                   std::uint64_t length) {
  if (bodyless_) co_return {};
  if (chunked_ || length > left_) {
    abort();
    co_return base::fail(base::Code::kInternal, "a file does not fit the response's stated length");
  }
  left_ -= length;
  WRENN_CO_TRY(co_await flush());
  co_return co_await stream_.send_file(file, offset, length);
}

Task<base::Result<void>> ResponseWriter::write(SpliceBuffer& bytes) {
  if (chunked_ || bodyless_) {
    abort();
    co_return base::fail(base::Code::kInternal, "spliced bytes need a response with a length");
  }
  WRENN_CO_TRY(count(bytes.size()));
  WRENN_CO_TRY(co_await flush());
  co_return co_await bytes.drain(stream_);
}

Task<base::Result<void>> ResponseWriter::finish(std::string_view last) {
  if (bodyless_) last = {};
  WRENN_CO_TRY(count(last.size()));
  if (!chunked_ && !bodyless_ && left_ > 0) {
    abort();
    co_return base::fail(base::Code::kInternal, "a response is shorter than its stated length");
  }
  finished_ = true;
  std::string before = std::exchange(pending_, {});
  if (!chunked_) co_return co_await stream_.write_shared(before, last);
  if (last.empty()) co_return co_await stream_.write_shared(before, kLastChunk);
  append_chunk_size(before, last.size());
  co_return co_await stream_.write_shared(before, last, kChunkAndBodyEnd);
}

Task<base::Result<void>> ResponseWriter::finish_with(const Headers& trailers) {
  if (!chunked_ || trailers.size() == 0) co_return co_await finish();
  finished_ = true;
  std::string before = std::exchange(pending_, {});
  before += "0\r\n";
  trailers.write_to(before);
  before += "\r\n";
  co_return co_await stream_.write_all(before);
}

Task<base::Result<void>> ResponseWriter::interim(int status, const Headers& headers) {
  if (version_ == HttpVersion::k10) co_return {};
  std::string head = base::concat("HTTP/1.1 ", status, ' ', reason_phrase(status), "\r\n");
  headers.write_to(head);
  head += "\r\n";
  co_return co_await stream_.write_all(head);
}

Task<base::Result<void>> ResponseWriter::upgrade(Headers headers) {
  started_ = finished_ = upgraded_ = true;
  keep_alive_ = false;
  status_ = 101;
  std::string head = base::concat("HTTP/1.1 101 ", reason_phrase(101), "\r\n");
  headers.write_to(head);
  fields_.write_to(head);
  head += "\r\n";
  co_return co_await stream_.write_all(head);
}

Task<base::Result<void>> stop_on_disconnect(Stream& client, Task<base::Result<void>> task) {
  const Context context = co_await current_context();
  StopSource stop(context.stop);
  const auto watch = client.stop_at_hangup(stop);
  co_return co_await with_stop(stop.token(), std::move(task));
}

Task<void> HttpServer::serve(Listener listener) {
  const Context context = co_await current_context();
  TaskScope scope(*context.loop, context.stop);
  while (true) {
    auto stream = co_await listener.accept();
    if (!stream) {
      if (stream.error().code != base::Code::kCanceled) {
        base::log_error("the server stopped listening", {{"error", stream.error()}});
      }
      break;
    }
    if (connections() >= options_.max_connections) {
      base::log_warn("a connection is refused: too many are open", {{"open", connections()}});
      continue;
    }
    streams_.insert(stream->get());
    if (options_.keep_alive) (*stream)->keep_alive();
    scope.spawn(serve_connection(std::move(*stream)));
  }
  scope.request_stop();
  co_await scope.join();
}

void HttpServer::close_kept() {
  const auto closed = std::exchange(kept_, std::make_shared<StopSource>());
  closed->request_stop();
}

void HttpServer::cut_all_but(const Stream& stream) {
  for (Stream* one : streams_) {
    if (one != &stream) one->cut();
  }
}

Task<void> HttpServer::serve_connection(std::unique_ptr<Stream> stream) {
  auto served = co_await secure(*stream);
  if (served) served = co_await serve_requests(*stream);
  streams_.erase(stream.get());
  if (!served) base::log_debug("a connection ended", {{"error", served.error()}});
}

Task<base::Result<void>> HttpServer::secure(Stream& stream) {
  if (options_.security == nullptr) co_return {};
  co_return co_await with_timeout(options_.header_timeout, stream.secure(*options_.security));
}

Task<base::Result<void>> HttpServer::serve_requests(Stream& stream) {
  InputBuffer input(stream);
  const std::shared_ptr<StopSource> kept = kept_;
  while (true) {
    const auto bytes = co_await first_bytes(input, options_, kept->token());
    if (!bytes) {
      const bool is_idle = input.view().empty();
      const bool is_gone = bytes.error().code == base::Code::kUnavailable ||
                           bytes.error().code == base::Code::kCanceled;
      if (!is_idle && !is_gone) co_await refuse(stream, bytes.error());
      co_return base::fail(bytes.error());
    }
    if (bytes->empty()) co_return {};
    auto head = HeadParser::parse_request(*bytes, options_.head);
    input.consume(bytes->size());
    if (!head) {
      co_await refuse(stream, head.error());
      co_return base::fail(std::move(head).error());
    }
    BodyReader body(input, head->framing, head->length, options_.body_timeout);
    if (head->headers.has_token("expect", "100-continue") && head->version == HttpVersion::k11) {
      body.expect_continue(stream);
    }
    Request request(std::move(*head), body, input, stream);
    ResponseWriter response(stream, request.head());
    if (kept->stop_requested()) response.close_after();
    const auto handled = co_await handler_.handle(request, response);
    if (!handled && handled.error().code != base::Code::kCanceled) {
      base::log_debug("a request failed", {{"path", request.path()}, {"error", handled.error()}});
    }
    if (!response.started()) {
      WRENN_CO_TRY(co_await response.send(500, {}, ""));
    }
    if (response.upgraded()) co_return {};
    const bool unread = !body.finished();
    if (unread && !body.awaits_continue() && response.finished()) {
      // The answer stands; the client may still be sending.
      const auto drained = co_await with_timeout(kDrainTimeout, drain(body));
      if (!drained) {
        stream.shutdown_write();
        co_return base::fail(drained.error());
      }
    }
    if (!response.keeps_connection() || (unread && body.awaits_continue())) co_return {};
  }
}

}  // namespace wrenn::net
