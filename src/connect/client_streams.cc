#include "connect/client_streams.h"

#include <google/protobuf/message.h>

#include "connect/client_deadline.h"
#include "connect/error.h"
#include "net/scope.h"

namespace wrenn::connect::detail {

using base::Code;
using net::Task;

Task<base::Result<bool>> RawStream::next(Message& message) {
  if (finished_) co_return false;
  co_return co_await until_deadline(settings_.deadline, read_next(message));
}

Task<base::Result<bool>> RawStream::read_next(Message& message) {
  auto envelope = co_await reader_.next();
  if (!envelope) co_return base::fail(as_peers_fault(std::move(envelope).error()));
  if (!*envelope) {
    co_return base::fail(Code::kInternal, "the server ended the stream without its last frame");
  }
  if ((*envelope)->is_end()) {
    finished_ = true;
    WRENN_CO_TRY(co_await finish((*envelope)->data));
    co_return false;
  }
  auto decoded = decode((*envelope)->data, settings_.codec, message);
  if (!decoded) co_return base::fail(as_peers_fault(std::move(decoded).error()));
  co_return true;
}

Task<base::Result<void>> RawStream::finish(std::string_view json) {
  WRENN_CO_TRY_ASSIGN(EndOfStream end, parse_end_of_stream(json));
  metadata_.trailers = std::move(end.metadata);
  // Reading the end of the body makes the connection fit for the next call; nothing else hangs on
  // it, so neither does its failure matter.
  const auto rest = co_await net::with_timeout(kDeadlineGrace, reader_.next());
  if (end.error) co_return base::fail(std::move(*end.error));
  if (rest && *rest) {
    co_return base::fail(Code::kInternal, "the server sent more after the stream's last frame");
  }
  co_return {};
}

Task<base::Result<void>> RawStream::take_single(Message& message) {
  WRENN_CO_TRY_ASSIGN(const bool has_one, co_await next(message));
  if (!has_one) co_return base::fail(Code::kUnimplemented, "the server sent no message");
  // A message of the same type to read into; there should be none.
  const std::unique_ptr<Message> other(message.New());
  WRENN_CO_TRY_ASSIGN(const bool has_more, co_await next(*other));
  if (!has_more) co_return {};
  co_return base::fail(Code::kUnimplemented, "the server sent several messages instead of one");
}

Task<base::Result<std::unique_ptr<RawStream>>> open_stream(net::ClientResponse response,
                                                           const StreamSettings& settings,
                                                           ResponseMetadata* metadata) {
  if (metadata != nullptr) *metadata = split_metadata(response.headers());
  if (response.status() != 200) co_return base::fail(co_await read_error(response));
  WRENN_CO_TRY_ASSIGN(const auto compression,
                      check_response(response, {settings.codec, CallKind::kStream}));
  co_return std::make_unique<RawStream>(std::move(response), compression, settings);
}

Task<base::Result<void>> RawUpload::write(const Message& message) {
  std::string bytes(kEnvelopeHeadSize, '\0');
  WRENN_CO_TRY(append_encoded(message, settings_.codec, bytes));
  std::uint8_t flags = 0;
  const auto packed = compress(std::string_view(bytes).substr(kEnvelopeHeadSize), settings_.send,
                               settings_.min_compressed_bytes);
  if (packed) {
    bytes.replace(kEnvelopeHeadSize, std::string::npos, *packed);
    flags = kCompressedFlag;
  }
  write_envelope_head(bytes, flags, bytes.size() - kEnvelopeHeadSize);
  co_return co_await until_deadline(settings_.deadline, upload_.write(bytes));
}

Task<base::Result<void>> RawUpload::flush() {
  co_return co_await until_deadline(settings_.deadline, upload_.flush());
}

Task<base::Result<std::unique_ptr<RawStream>>> RawUpload::finish() {
  co_return co_await until_deadline(settings_.deadline, receive());
}

Task<base::Result<std::unique_ptr<RawStream>>> RawUpload::receive() {
  WRENN_CO_TRY_ASSIGN(auto response, co_await upload_.finish());
  co_return co_await open_stream(std::move(response), settings_, metadata_);
}

Task<base::Result<void>> RawUpload::finish_single(Message& message) {
  WRENN_CO_TRY_ASSIGN(const auto stream, co_await finish());
  const auto taken = co_await stream->take_single(message);
  if (metadata_ != nullptr) *metadata_ = stream->metadata();
  co_return taken;
}

}  // namespace wrenn::connect::detail
