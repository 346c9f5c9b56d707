// The streams of a Client's calls. For one loop; not thread-safe; they must not outlive the
// HttpClient. Destroying one early closes its connection, by which the server learns that nobody
// listens any more.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "connect/client_response.h"
#include "connect/codec.h"
#include "connect/envelope_reader.h"
#include "net/http_client.h"

namespace wrenn::connect {

namespace detail {

struct StreamSettings {
  Codec codec = Codec::kProto;
  std::size_t max_message_bytes = 0;  // Of a received message.
  Compression send = Compression::kIdentity;
  std::size_t min_compressed_bytes = 0;
  std::optional<base::SteadyTime> deadline;
};

// The messages that are received.
class RawStream {
 public:
  RawStream(net::ClientResponse response, Compression received, const StreamSettings& settings)
      : response_(std::move(response)),
        settings_(settings),
        reader_(response_, received, settings.max_message_bytes) {
    metadata_.headers = response_.headers();
  }
  // False at the end.
  net::Task<base::Result<bool>> next(Message& message);
  // For a call with exactly one response: kUnimplemented for none or several.
  net::Task<base::Result<void>> take_single(Message& message);
  const ResponseMetadata& metadata() const { return metadata_; }

 private:
  net::Task<base::Result<bool>> read_next(Message& message);
  net::Task<base::Result<void>> finish(std::string_view json);

  net::ClientResponse response_;
  const StreamSettings settings_;
  EnvelopeReader reader_;
  ResponseMetadata metadata_;
  bool finished_ = false;
};

// Checks the head of an answer; the error that it stands for, or its messages.
net::Task<base::Result<std::unique_ptr<RawStream>>> open_stream(net::ClientResponse response,
                                                                const StreamSettings& settings,
                                                                ResponseMetadata* metadata);

// The messages that are sent.
class RawUpload {
 public:
  RawUpload(net::ClientUpload upload, const StreamSettings& settings, ResponseMetadata* metadata)
      : upload_(std::move(upload)), settings_(settings), metadata_(metadata) {}
  net::Task<base::Result<void>> write(const Message& message);
  net::Task<base::Result<void>> flush();
  net::Task<base::Result<std::unique_ptr<RawStream>>> finish();
  net::Task<base::Result<void>> finish_single(Message& message);

 private:
  net::Task<base::Result<std::unique_ptr<RawStream>>> receive();

  net::ClientUpload upload_;
  const StreamSettings settings_;
  ResponseMetadata* const metadata_;
};

}  // namespace detail

// The messages of one server stream.
template <class Response>
class MessageStream {
 public:
  explicit MessageStream(std::unique_ptr<detail::RawStream> raw) : raw_(std::move(raw)) {}

  // Nothing at the end; not to be called again after the end or an error. kUnavailable when the
  // stream is cut, kInternal when the server ended it without saying so.
  net::Task<base::Result<std::optional<Response>>> next() { return read(raw_.get()); }
  // The trailers come with the end of the stream, an error included.
  const ResponseMetadata& metadata() const { return raw_->metadata(); }

 private:
  // The stream may be moved while it is waited for: only `raw`, which stays in place, is used.
  static net::Task<base::Result<std::optional<Response>>> read(detail::RawStream* raw) {
    Response message;
    auto more = co_await raw->next(message);
    if (!more) co_return base::fail(std::move(more).error());
    if (!*more) co_return std::optional<Response>();
    co_return std::optional<Response>(std::move(message));
  }

  std::unique_ptr<detail::RawStream> raw_;
};

// A call with many requests and one response.
template <class Request, class Response>
class ClientStream {
 public:
  explicit ClientStream(std::unique_ptr<detail::RawUpload> raw) : raw_(std::move(raw)) {}

  // The call begins with the first of these. kUnavailable once the server has stopped reading:
  // finish() tells why.
  net::Task<base::Result<void>> write(const Request& message) { return raw_->write(message); }
  // Begins the call now, when the first message may be long in coming.
  net::Task<base::Result<void>> flush() { return raw_->flush(); }
  // Nothing is called afterwards.
  net::Task<base::Result<Response>> finish() { return receive(raw_.get()); }

 private:
  static net::Task<base::Result<Response>> receive(detail::RawUpload* raw) {
    Response response;
    auto received = co_await raw->finish_single(response);
    if (!received) co_return base::fail(std::move(received).error());
    co_return response;
  }

  std::unique_ptr<detail::RawUpload> raw_;
};

// A call with many requests, and then many responses.
template <class Request, class Response>
class BidiStream {
 public:
  explicit BidiStream(std::unique_ptr<detail::RawUpload> raw) : raw_(std::move(raw)) {}

  // As those of ClientStream.
  net::Task<base::Result<void>> write(const Request& message) { return raw_->write(message); }
  net::Task<base::Result<void>> flush() { return raw_->flush(); }
  net::Task<base::Result<MessageStream<Response>>> finish() { return receive(raw_.get()); }

 private:
  static net::Task<base::Result<MessageStream<Response>>> receive(detail::RawUpload* raw) {
    auto stream = co_await raw->finish();
    if (!stream) co_return base::fail(std::move(stream).error());
    co_return MessageStream<Response>(std::move(*stream));
  }

  std::unique_ptr<detail::RawUpload> raw_;
};

}  // namespace wrenn::connect
