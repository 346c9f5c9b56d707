// Client: makes Connect calls of all four kinds.
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
//   WRENN_CO_TRY_ASSIGN(auto upload, (co_await client.client_stream<Input, Reply>(path)));
//   WRENN_CO_TRY(co_await upload.write(input));
//   auto reply = co_await upload.finish();
//
// An error of the remote method comes back with its code, message, remedy and details. An answer
// that is not of this protocol is mapped from its HTTP status. A call that is stopped, or whose
// stream is destroyed, closes its connection, by which the server learns of it. For one loop; not
// thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/time.h"
#include "connect/client_streams.h"
#include "connect/codec.h"
#include "net/http_client.h"

namespace wrenn::connect {

enum class HttpGet { kNever, kWhenPossible };

struct CallOptions {
  net::Headers headers{};  // Those of the client with the same name are left out.
  // Of the whole call, streams included; zero: none. Told to the server, which ends the call then
  // with deadline_exceeded. A unary call ends on this side at the same time; a stream waits a
  // second longer for the server's word.
  base::Duration timeout{};
  // For a unary call: use GET, which caches understand, if its method has no side effects and the
  // message fits in an address.
  HttpGet get = HttpGet::kNever;
  // For a call with one response: what came with it, an error included. Must outlive the call.
  ResponseMetadata* metadata = nullptr;
};

struct ClientOptions {
  std::size_t max_message_bytes = 4u << 20;  // Of a response; for a stream, of each message.
  net::Headers headers{};                    // Added to every call, e.g. a token.
  Codec codec = Codec::kProto;
  // gzip costs more than it saves on a fast network, so it has to be asked for.
  Compression send = Compression::kIdentity;
  Compression accept = Compression::kIdentity;
  std::size_t min_compressed_bytes = 1024;  // Smaller messages are sent as they are.
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
    return run_unary<Response>(start_unary(std::move(path), request, std::move(call)),
                               options_.codec);
  }
  template <class Response>
  net::Task<base::Result<MessageStream<Response>>> stream(std::string path, const Message& request,
                                                          CallOptions call = {}) {
    return wrap<MessageStream<Response>>(start_stream(std::move(path), request, std::move(call)));
  }
  template <class Request, class Response>
  net::Task<base::Result<ClientStream<Request, Response>>> client_stream(std::string path,
                                                                         CallOptions call = {}) {
    return wrap<ClientStream<Request, Response>>(start_upload(std::move(path), std::move(call)));
  }
  template <class Request, class Response>
  net::Task<base::Result<BidiStream<Request, Response>>> bidi_stream(std::string path,
                                                                     CallOptions call = {}) {
    return wrap<BidiStream<Request, Response>>(start_upload(std::move(path), std::move(call)));
  }

 private:
  template <class T>
  using Reply = net::Task<base::Result<T>>;
  using RawStreamPtr = std::unique_ptr<detail::RawStream>;
  using RawUploadPtr = std::unique_ptr<detail::RawUpload>;

  // The request is encoded before these return: it may be a temporary.
  Reply<std::string> start_unary(std::string path, const Message& request, CallOptions call);
  Reply<RawStreamPtr> start_stream(std::string path, const Message& request, CallOptions call);
  Reply<RawUploadPtr> start_upload(std::string path, CallOptions call);

  Reply<std::string> send_unary(net::ClientRequest request, CallOptions call);
  Reply<std::string> exchange(net::ClientRequest request, ResponseMetadata* metadata);
  Reply<RawStreamPtr> send_stream(net::ClientRequest request, CallOptions call);
  Reply<RawStreamPtr> open(net::ClientRequest request, detail::StreamSettings settings);
  Reply<RawUploadPtr> open_upload(net::ClientRequest request, CallOptions call);

  net::ClientRequest make_request(std::string path, CallKind kind, const CallOptions& call) const;
  base::Result<net::ClientRequest> make_unary(std::string path, const Message& message,
                                              const CallOptions& call) const;
  base::Result<net::ClientRequest> make_get(const std::string& path, const Message& message,
                                            const CallOptions& call) const;
  detail::StreamSettings stream_settings(const CallOptions& call) const;

  template <class Response>
  static Reply<Response> run_unary(Reply<std::string> task, Codec codec) {
    auto bytes = co_await std::move(task);
    if (!bytes) co_return base::fail(std::move(bytes).error());
    Response response;
    auto decoded = decode(*bytes, codec, response);
    if (!decoded) co_return base::fail(detail::as_peers_fault(std::move(decoded).error()));
    co_return response;
  }
  template <class Stream, class Raw>
  static Reply<Stream> wrap(Reply<Raw> task) {
    auto raw = co_await std::move(task);
    if (!raw) co_return base::fail(std::move(raw).error());
    co_return Stream(std::move(*raw));
  }

  net::HttpClient& http_;
  const ClientOptions options_;
};

}  // namespace wrenn::connect
