// Client: makes Connect calls, unary and server streams, in the binary encoding.
//
//   connect::Client client(http);
//   auto reply = co_await client.unary<ListResponse>("/process.Process/List", ListRequest());
//
//   WRENN_CO_TRY_ASSIGN(auto stream, co_await client.stream<StartResponse>(path, request));
//   while (true) {
//     WRENN_CO_TRY_ASSIGN(auto message, co_await stream.next());
//     if (!message) break;
//   }
//
// An error of the remote method comes back with its code, message and remedy. An answer that is not
// of this protocol is mapped from its HTTP status. For one loop; not thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "connect/codec.h"
#include "connect/envelope.h"
#include "net/http_client.h"

namespace wrenn::connect {

struct CallOptions {
  net::Headers headers{};
  // Of the whole call, streams included; zero: none. Told to the server, which ends the call then
  // with deadline_exceeded. A unary call ends on this side at the same time; a stream waits a
  // second longer for the server's word.
  base::Duration timeout{};
};

struct ClientOptions {
  std::size_t max_message_bytes = 4u << 20;  // Of a response; for a stream, of each message.
  net::Headers headers{};                    // Added to every call, e.g. a token.
};

namespace detail {

class RawStream {
 public:
  RawStream(net::ClientResponse response, std::size_t max_bytes,
            std::optional<base::SteadyTime> deadline)
      : response_(std::move(response)), decoder_(max_bytes), deadline_(deadline) {}
  // False at the end.
  net::Task<base::Result<bool>> next(Message& message);

 private:
  net::Task<base::Result<bool>> read_next(Message& message);
  net::Task<base::Result<void>> read_more();
  net::Task<base::Result<void>> finish(std::string json);

  net::ClientResponse response_;
  EnvelopeDecoder decoder_;
  std::optional<base::SteadyTime> deadline_;
  bool finished_ = false;
};

}  // namespace detail

// The messages of one server stream. Destroying it early closes its connection, by which the server
// learns that nobody listens any more. Must not outlive the HttpClient.
template <class Response>
class MessageStream {
 public:
  explicit MessageStream(std::unique_ptr<detail::RawStream> raw) : raw_(std::move(raw)) {}

  // Nothing at the end; not to be called again after the end or an error. kUnavailable when the
  // stream is cut.
  net::Task<base::Result<std::optional<Response>>> next() { return read(raw_.get()); }

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

class Client {
 public:
  explicit Client(net::HttpClient& http, ClientOptions options = {})
      : http_(http), options_(std::move(options)) {}

  // `path`: "/package.Service/Method". The HttpClient's head_timeout bounds the time to the answer,
  // whatever `timeout` says.
  template <class Response>
  net::Task<base::Result<Response>> unary(std::string path, const Message& request,
                                          CallOptions call = {}) {
    return run_unary<Response>(start_unary(std::move(path), request, std::move(call)));
  }
  template <class Response>
  net::Task<base::Result<MessageStream<Response>>> stream(std::string path, const Message& request,
                                                          CallOptions call = {}) {
    return run_stream<Response>(start_stream(std::move(path), request, std::move(call)));
  }

 private:
  using RawStreamPtr = std::unique_ptr<detail::RawStream>;

  // The request is encoded before these return: it may be a temporary.
  net::Task<base::Result<std::string>> start_unary(std::string path, const Message& request,
                                                   CallOptions call);
  net::Task<base::Result<RawStreamPtr>> start_stream(std::string path, const Message& request,
                                                     CallOptions call);
  net::Task<base::Result<std::string>> send_unary(net::ClientRequest request, base::Duration limit);
  net::Task<base::Result<std::string>> exchange(net::ClientRequest request);
  net::Task<base::Result<RawStreamPtr>> send_stream(net::ClientRequest request,
                                                    base::Duration limit);
  net::Task<base::Result<net::ClientResponse>> open_stream(net::ClientRequest request);
  net::ClientRequest make_request(std::string path, CallKind kind, std::string body,
                                  const CallOptions& call) const;

  template <class Response>
  static net::Task<base::Result<Response>> run_unary(net::Task<base::Result<std::string>> task) {
    auto bytes = co_await std::move(task);
    if (!bytes) co_return base::fail(std::move(bytes).error());
    Response response;
    auto decoded = decode(*bytes, Codec::kProto, response);
    if (!decoded) co_return base::fail(std::move(decoded).error());
    co_return response;
  }
  template <class Response>
  static net::Task<base::Result<MessageStream<Response>>> run_stream(
      net::Task<base::Result<RawStreamPtr>> task) {
    auto raw = co_await std::move(task);
    if (!raw) co_return base::fail(std::move(raw).error());
    co_return MessageStream<Response>(std::move(*raw));
  }

  net::HttpClient& http_;
  const ClientOptions options_;
};

}  // namespace wrenn::connect
