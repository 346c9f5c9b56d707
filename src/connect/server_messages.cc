#include "connect/server_messages.h"

#include "base/strings.h"
#include "connect/error.h"

namespace wrenn::connect::detail {

using base::Code;
using net::Task;

Task<base::Result<bool>> BareSource::next(Message& message) {
  if (taken_) co_return false;
  WRENN_CO_TRY(co_await take_single(message));
  co_return true;
}

Task<base::Result<void>> BareSource::take_single(Message& message) {
  taken_ = true;
  if (call_.is_get) co_return unpack(call_.get_message, message);
  WRENN_CO_TRY_ASSIGN(const std::string body, co_await read_body());
  co_return unpack(body, message);
}

Task<base::Result<std::string>> BareSource::read_body() {
  const std::size_t limit = call_.received == Compression::kIdentity
                                ? limits_.max_bytes
                                : packed_limit(limits_.max_bytes);
  if (request_.content_length().value_or(0) > limit) {
    co_return base::fail(
        Code::kResourceExhausted,
        base::concat("the message is larger than ", base::human_bytes(limits_.max_bytes)));
  }
  co_return co_await net::read_all(request_.body(), limit);
}

base::Result<void> BareSource::unpack(std::string_view bytes, Message& message) const {
  if (call_.received == Compression::kIdentity) return decode(bytes, call_.codec, message);
  WRENN_TRY_ASSIGN(const std::string text, decompress(bytes, call_.received, limits_.max_bytes));
  return decode(text, call_.codec, message);
}

Task<base::Result<void>> BareSink::write(const Message& message) {
  co_return keep_single(message);
}

Task<base::Result<void>> BareSink::start() {
  co_return {};
}

base::Result<void> BareSink::keep_single(const Message& message) {
  body_.clear();
  return append_encoded(message, call_.codec, body_);
}

Task<base::Result<void>> BareSink::send() {
  return send_body(200, call_.codec);
}

Task<base::Result<void>> BareSink::send_error(const base::Error& error) {
  body_ = error_json(error);
  return send_body(http_status(error.code), Codec::kJson);
}

Task<base::Result<void>> BareSink::send_body(int status, Codec codec) {
  net::Headers headers = std::move(context_.response_headers);
  const net::Headers& trailers = context_.response_trailers;
  for (std::size_t i = 0; i < trailers.size(); ++i) {
    headers.add(base::concat("trailer-", trailers[i].name), trailers[i].value);
  }
  headers.set("Content-Type", content_type_name({codec, CallKind::kUnary}));
  // Caches keep the answers to GET.
  if (call_.is_get) headers.add("Vary", "Accept-Encoding");
  if (auto packed = compress(body_, call_.reply, limits_.min_compressed_bytes)) {
    headers.set("Content-Encoding", compression_name(call_.reply));
    body_ = std::move(*packed);
  }
  co_return co_await response_.send(status, std::move(headers), body_);
}

Task<base::Result<bool>> EnvelopeSource::next(Message& message) {
  WRENN_CO_TRY_ASSIGN(const auto envelope, co_await reader_.next());
  if (!envelope) co_return false;
  if (envelope->is_end()) {
    co_return base::fail(Code::kInvalidArgument, "a request has no end-of-stream frame");
  }
  WRENN_CO_TRY(decode(envelope->data, codec_, message));
  co_return true;
}

Task<base::Result<void>> EnvelopeSource::take_single(Message& message) {
  WRENN_CO_TRY_ASSIGN(const bool has_one, co_await next(message));
  if (!has_one) {
    co_return base::fail(Code::kUnimplemented,
                         "the request must be one message, but there is none");
  }
  WRENN_CO_TRY_ASSIGN(const auto more, co_await reader_.next());
  if (!more) co_return {};
  co_return base::fail(Code::kUnimplemented, "the request must be one message, but there are more");
}

void EnvelopeSink::prepare() {
  if (response_.started()) return;
  net::Headers headers = context_.response_headers;
  headers.set("Content-Type", content_type_name({call_.codec, CallKind::kStream}));
  if (call_.reply != Compression::kIdentity) {
    headers.set("Connect-Content-Encoding", compression_name(call_.reply));
  }
  response_.prepare(200, std::move(headers));
}

Task<base::Result<void>> EnvelopeSink::start() {
  prepare();
  co_return note(co_await response_.flush());
}

base::Result<void> EnvelopeSink::append(const Message& message) {
  const std::size_t begin = buffer_.size();
  buffer_.resize(begin + kEnvelopeHeadSize);
  WRENN_TRY(append_encoded(message, call_.codec, buffer_));
  finish_envelope(begin, 0);
  return {};
}

// Packs what was appended after the head's place at `begin`, if that pays, and fills in the head.
void EnvelopeSink::finish_envelope(std::size_t begin, std::uint8_t flags) {
  const std::size_t data = begin + kEnvelopeHeadSize;
  const auto packed =
      compress(std::string_view(buffer_).substr(data), call_.reply, limits_.min_compressed_bytes);
  if (packed) {
    buffer_.replace(data, std::string::npos, *packed);
    flags |= kCompressedFlag;
  }
  write_envelope_head(std::span(buffer_).subspan(begin), flags, buffer_.size() - data);
}

Task<base::Result<void>> EnvelopeSink::write(const Message& message) {
  buffer_.clear();
  WRENN_CO_TRY(append(message));
  prepare();
  co_return note(co_await response_.write(buffer_));
}

base::Result<void> EnvelopeSink::keep_single(const Message& message) {
  buffer_.clear();
  keeps_single_ = true;
  return append(message);
}

Task<base::Result<void>> EnvelopeSink::end(const base::Error* error) {
  const bool keeps_message = error == nullptr && keeps_single_;
  if (!keeps_message) buffer_.clear();
  const std::size_t begin = buffer_.size();
  buffer_.resize(begin + kEnvelopeHeadSize);
  buffer_ += end_of_stream_json(error, context_.response_trailers);
  finish_envelope(begin, kEndOfStreamFlag);
  prepare();
  co_return co_await response_.finish(buffer_);
}

base::Result<void> EnvelopeSink::note(base::Result<void> written) {
  if (!written) broken_ = true;
  return written;
}

}  // namespace wrenn::connect::detail
